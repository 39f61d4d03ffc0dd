import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def gn_kernel(x, w, b, y, C, HW, G, eps, BLOCK: tl.constexpr):
    n = tl.program_id(0).to(tl.int64)
    g = tl.program_id(1)
    per = C // G
    size = per * HW
    base = (n * C + g * per) * HW
    s = tl.zeros((BLOCK,), tl.float32)
    for i in range(0, size, BLOCK):
        c = i + tl.arange(0, BLOCK)
        s += tl.load(x + base + c, mask=c < size, other=0.0).to(tl.float32)
    mu = tl.sum(s, 0) / size
    q = tl.zeros((BLOCK,), tl.float32)
    for i in range(0, size, BLOCK):
        c = i + tl.arange(0, BLOCK)
        d = tl.where(c < size, tl.load(x + base + c, mask=c < size, other=0.0).to(tl.float32) - mu, 0.0)
        q += d * d
    rstd = tl.rsqrt(tl.sum(q, 0) / size + eps)
    for i in range(0, size, BLOCK):
        c = i + tl.arange(0, BLOCK)
        m = c < size
        ch = g * per + c // HW
        v = (tl.load(x + base + c, mask=m).to(tl.float32) - mu) * rstd
        v = v * tl.load(w + ch, mask=m) + tl.load(b + ch, mask=m)
        tl.store(y + base + c, v.to(y.dtype.element_ty), mask=m)


class ModelNew(nn.Module):
    def __init__(self, num_features: int, num_groups: int):
        super().__init__()
        assert num_features % num_groups == 0
        self.gn = nn.GroupNorm(num_groups, num_features)

    def forward(self, x):
        x = x.contiguous()
        y = torch.empty_like(x)
        n, c = x.shape[:2]
        gn_kernel[(n, self.gn.num_groups)](x, self.gn.weight, self.gn.bias, y, c, x.numel() // (n * c),
                                           self.gn.num_groups, self.gn.eps, BLOCK=2048, num_warps=8)
        return y
