import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.autotune(configs=[triton.Config({"B": b}, num_warps=w) for b, w in ((1024, 4), (4096, 8), (8192, 16))], key=["C"])
@triton.jit
def lsm(x, y, C, B: tl.constexpr):
    r = tl.program_id(0).to(tl.int64)
    x += r * C
    y += r * C
    m = tl.full((B,), float("-inf"), tl.float32)
    s = tl.zeros((B,), tl.float32)
    for k in range(0, C, B):
        i = k + tl.arange(0, B)
        v = tl.load(x + i, mask=i < C, other=-1e30)
        mn = tl.maximum(m, v)
        s = s * tl.exp(m - mn) + tl.exp(v - mn)
        m = mn
    mx = tl.max(m, 0)
    lse = mx + tl.log(tl.sum(s * tl.exp(m - mx), 0))
    for k in range(0, C, B):
        i = k + tl.arange(0, B)
        v = tl.load(x + i, mask=i < C)
        tl.store(y + i, v - lse, mask=i < C)


class ModelNew(nn.Module):
    def __init__(self, dim: int = 1):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        assert x.dim() == 2 and self.dim in (1, -1)
        x = x.contiguous()
        y = torch.empty_like(x)
        lsm[(x.shape[0],)](x, y, x.shape[1])
        return y
