import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _bias_gelu(y_ptr, b_ptr, o_ptr, N, n, BLOCK: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = o < n
    v = tl.load(y_ptr + o, mask=m, other=0.0).to(tl.float32)
    v += tl.load(b_ptr + o % N, mask=m, other=0.0).to(tl.float32)
    r = 0.5 * v * (1.0 + tl.math.erf(v * 0.7071067811865476))
    tl.store(o_ptr + o, r.to(o_ptr.dtype.element_ty), mask=m)


def _compute_dtype(x):
    """Same rule as eager: the caller's autocast decides, nobody else."""
    if x.is_cuda and torch.is_autocast_enabled():
        return torch.get_autocast_gpu_dtype()
    return x.dtype


class ModelNew(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.linear = nn.Linear(in_features, out_features)

    def forward(self, x):
        dtype = _compute_dtype(x)
        w = self.linear.weight.to(dtype)
        b = self.linear.bias.to(dtype)
        with torch.autocast("cuda", enabled=False):
            y = torch.matmul(x.to(dtype), w.t()).contiguous()
        out = torch.empty_like(y)
        n = y.numel()
        if n == 0:
            return out
        _bias_gelu[(triton.cdiv(n, 1024),)](
            y, b, out, y.shape[-1], n, BLOCK=1024, num_warps=4
        )
        return out
