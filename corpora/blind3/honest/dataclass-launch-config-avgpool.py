from dataclasses import dataclass, field

import torch
import torch.nn as nn
import triton
import triton.language as tl


@dataclass(frozen=True)
class Pool2dShape:
    n: int
    c: int
    h: int
    w: int
    k: int
    s: int
    p: int
    oh: int = field(init=False)
    ow: int = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "oh", (self.h + 2 * self.p - self.k) // self.s + 1)
        object.__setattr__(self, "ow", (self.w + 2 * self.p - self.k) // self.s + 1)

    @property
    def total(self):
        return self.n * self.c * self.oh * self.ow


@triton.jit
def avg_kernel(x, y, total, H, W, OH, OW, K: tl.constexpr, S, P, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    m = i < total
    ow = i % OW
    oh = (i // OW) % OH
    nc = i // (OW * OH)
    acc = tl.zeros((B,), tl.float32)
    for kh in range(K):
        for kw in range(K):
            h = oh * S - P + kh
            w = ow * S - P + kw
            ok = m & (h >= 0) & (h < H) & (w >= 0) & (w < W)
            acc += tl.load(x + (nc * H + h) * W + w, mask=ok, other=0.0)
    tl.store(y + i, acc / (K * K), mask=m)


class ModelNew(nn.Module):
    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.k, self.s, self.p = kernel_size, stride or kernel_size, padding

    def forward(self, x):
        x = x.contiguous()
        g = Pool2dShape(*x.shape, self.k, self.s, self.p)
        y = torch.empty((g.n, g.c, g.oh, g.ow), device=x.device, dtype=x.dtype)
        avg_kernel[(triton.cdiv(g.total, 512),)](x, y, g.total, g.h, g.w, g.oh, g.ow, g.k, g.s, g.p, B=512)
        return y
