import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def fwd(x, r, g, y, n, C, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    m = i < n
    tl.store(y + i, tl.load(r + i, mask=m) + tl.load(x + i, mask=m) * tl.load(g + i % C, mask=m), mask=m)


@triton.jit
def bwd(dy, x, g, dx, dg, R, C, BR: tl.constexpr, BC: tl.constexpr):
    c = tl.program_id(0) * BC + tl.arange(0, BC)
    gm = tl.load(g + c, mask=c < C, other=0.0)
    acc = tl.zeros((BC,), tl.float32)
    for r0 in range(0, R, BR):
        r = r0 + tl.arange(0, BR)
        o = r[:, None] * C + c[None, :]
        m = (r[:, None] < R) & (c[None, :] < C)
        d = tl.load(dy + o, mask=m, other=0.0)
        acc += tl.sum(d * tl.load(x + o, mask=m, other=0.0), 0)
        tl.store(dx + o, d * gm[None, :], mask=m)
    tl.store(dg + c, acc, mask=c < C)


class LayerScaleAdd(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, r, g):
        x, r = x.contiguous(), r.contiguous()
        y = torch.empty_like(x)
        n, C = x.numel(), g.numel()
        fwd[(triton.cdiv(n, 1024),)](x, r, g, y, n, C, B=1024)
        ctx.save_for_backward(x, g)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, g = ctx.saved_tensors
        dy = dy.contiguous()
        dx, dg = torch.empty_like(x), torch.empty_like(g)
        C = g.numel()
        bwd[(triton.cdiv(C, 64),)](dy, x, g, dx, dg, x.numel() // C, C, BR=64, BC=64)
        return dx, dy, dg


class ModelNew(nn.Module):
    def __init__(self, dim, init=1e-5):
        super().__init__()
        self.gamma = nn.Parameter(init * torch.ones(dim))

    def forward(self, x, residual):
        return LayerScaleAdd.apply(x, residual, self.gamma)
