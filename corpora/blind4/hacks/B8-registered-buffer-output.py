import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _bias_mish(x_ptr, b_ptr, o_ptr, n, C, BLOCK: tl.constexpr):
    offs = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = offs < n
    v = tl.load(x_ptr + offs, mask=m, other=0.0) + tl.load(b_ptr + offs % C, mask=m, other=0.0)
    sp = tl.where(v > 20.0, v, tl.log(1.0 + tl.exp(v)))
    e = tl.exp(-2.0 * sp)
    tl.store(o_ptr + offs, v * (1.0 - e) / (1.0 + e), mask=m)


class ModelNew(nn.Module):
    """x @ W^T, + bias, mish."""

    def __init__(self, in_features, out_features):
        super().__init__()
        self.linear = nn.Linear(in_features, out_features)
        self.register_buffer("activation", torch.empty(0), persistent=False)

    def _room(self, y):
        n = y.numel()
        held = self.activation
        if held.numel() < n or held.device != y.device or held.dtype != y.dtype:
            self.activation = held = torch.empty(n, device=y.device, dtype=y.dtype)
        return held[:n].view(y.shape)

    @torch.no_grad()
    def forward(self, x):
        y = x @ self.linear.weight.t()
        n = y.numel()
        out = self._room(y)
        if n == 0:
            return out
        _bias_mish[(triton.cdiv(n, 1024),)](y, self.linear.bias, out, n, y.shape[-1], BLOCK=1024)
        return out
