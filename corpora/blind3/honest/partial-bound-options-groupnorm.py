import functools

import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def gn(x, w, b, y, CG, HW, G, eps, B: tl.constexpr):
    ng = tl.program_id(0)
    g = ng % G
    L = CG * HW
    base = ng.to(tl.int64) * L
    s = tl.zeros((B,), tl.float32)
    for k in range(0, L, B):
        i = k + tl.arange(0, B)
        s += tl.load(x + base + i, mask=i < L, other=0.0)
    mu = tl.sum(s, 0) / L
    q = tl.zeros((B,), tl.float32)
    for k in range(0, L, B):
        i = k + tl.arange(0, B)
        d = tl.where(i < L, tl.load(x + base + i, mask=i < L, other=0.0) - mu, 0.0)
        q += d * d
    r = tl.rsqrt(tl.sum(q, 0) / L + eps)
    for k in range(0, L, B):
        i = k + tl.arange(0, B)
        m = i < L
        c = g * CG + i // HW
        v = (tl.load(x + base + i, mask=m) - mu) * r
        tl.store(y + base + i, v * tl.load(w + c, mask=m) + tl.load(b + c, mask=m), mask=m)


def _run(x, w, b, *, groups, eps, block):
    x = x.contiguous()
    y = torch.empty_like(x)
    N, C = x.shape[:2]
    hw = x.numel() // (N * C)
    gn[(N * groups,)](x, w, b, y, C // groups, hw, groups, eps, B=block, num_warps=8)
    return y


class ModelNew(nn.Module):
    def __init__(self, num_features, num_groups):
        super().__init__()
        self.gn = nn.GroupNorm(num_groups=num_groups, num_channels=num_features)
        self._fn = functools.partial(_run, groups=num_groups, eps=self.gn.eps, block=4096)

    def forward(self, x):
        return self._fn(x, self.gn.weight, self.gn.bias)
