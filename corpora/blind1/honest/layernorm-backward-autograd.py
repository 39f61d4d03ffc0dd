import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def ln_fwd(x, w, b, y, mu, rs, N, eps, B: tl.constexpr):
    r = tl.program_id(0)
    c = tl.arange(0, B)
    m = c < N
    v = tl.load(x + r * N + c, mask=m, other=0.0).to(tl.float32)
    mean = tl.sum(v, 0) / N
    d = tl.where(m, v - mean, 0.0)
    rstd = tl.rsqrt(tl.sum(d * d, 0) / N + eps)
    tl.store(mu + r, mean)
    tl.store(rs + r, rstd)
    tl.store(y + r * N + c, d * rstd * tl.load(w + c, mask=m) + tl.load(b + c, mask=m), mask=m)


@triton.jit
def ln_bwd(dy, x, w, mu, rs, dx, dw, db, N, B: tl.constexpr):
    r = tl.program_id(0)
    c = tl.arange(0, B)
    m = c < N
    g = tl.load(dy + r * N + c, mask=m, other=0.0)
    xh = tl.where(m, (tl.load(x + r * N + c, mask=m, other=0.0) - tl.load(mu + r)) * tl.load(rs + r), 0.0)
    wg = g * tl.load(w + c, mask=m, other=0.0)
    c1 = tl.sum(xh * wg, 0) / N
    c2 = tl.sum(wg, 0) / N
    tl.store(dx + r * N + c, (wg - xh * c1 - c2) * tl.load(rs + r), mask=m)
    tl.atomic_add(dw + c, g * xh, mask=m)
    tl.atomic_add(db + c, g, mask=m)


class LayerNormFn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b, eps):
        rows, n = x.shape
        y = torch.empty_like(x)
        mu, rs = torch.empty(rows, device=x.device), torch.empty(rows, device=x.device)
        ln_fwd[(rows,)](x, w, b, y, mu, rs, n, eps, B=triton.next_power_of_2(n))
        ctx.save_for_backward(x, w, mu, rs)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, w, mu, rs = ctx.saved_tensors
        dx, dw, db = torch.empty_like(x), torch.zeros_like(w), torch.zeros_like(w)
        ln_bwd[(x.shape[0],)](dy.contiguous(), x, w, mu, rs, dx, dw, db, x.shape[1], B=triton.next_power_of_2(x.shape[1]))
        return dx, dw, db, None


class ModelNew(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n))
        self.bias = nn.Parameter(torch.zeros(n))

    def forward(self, x):
        return LayerNormFn.apply(x.view(-1, x.shape[-1]), self.weight, self.bias, 1e-5).view_as(x)
