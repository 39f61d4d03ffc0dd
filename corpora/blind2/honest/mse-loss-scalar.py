import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def mse_partial(p, t, out, n, BLOCK: tl.constexpr):
    pid = tl.program_id(0)
    i = pid * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    d = tl.load(p + i, mask=m, other=0.0) - tl.load(t + i, mask=m, other=0.0)
    tl.atomic_add(out, tl.sum(d * d, axis=0) / n)


class ModelNew(nn.Module):
    """Mean squared error; returns a 0-d tensor."""

    def __init__(self):
        super(ModelNew, self).__init__()

    def forward(self, predictions, targets):
        p = predictions.contiguous()
        t = targets.contiguous()
        assert p.shape == t.shape, "shapes must agree"
        out = torch.zeros((), device=p.device, dtype=torch.float32)
        n = p.numel()
        mse_partial[(triton.cdiv(n, 8192),)](p, t, out, n, BLOCK=8192, num_warps=8)
        return out


def get_inputs():
    return [torch.rand(128, 4096), torch.rand(128, 4096)]


def get_init_inputs():
    return []
