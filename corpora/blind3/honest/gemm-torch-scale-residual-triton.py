import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _scale_add(h, y, s, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    m = i < n
    v = tl.load(h + i, mask=m)
    tl.store(y + i, v * s + v, mask=m)


class ModelNew(nn.Module):
    """x = linear(x); return x * scale + x.  cuBLAS for the product, one pass for the rest."""

    def __init__(self, in_features, out_features, scaling_factor):
        super().__init__()
        self.matmul = nn.Linear(in_features, out_features)
        self.scaling_factor = scaling_factor

    def forward(self, x):
        h = self.matmul(x)
        y = torch.empty_like(h)
        n = h.numel()
        _scale_add[(triton.cdiv(n, 2048),)](h, y, float(self.scaling_factor), n, B=2048)
        return y
