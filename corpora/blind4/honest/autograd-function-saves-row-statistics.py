import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _fwd(x_ptr, w_ptr, o_ptr, r_ptr, N, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    m = c < N
    x = tl.load(x_ptr + row * N + c, mask=m, other=0.0)
    r = tl.rsqrt(tl.sum(x * x, 0) / N + eps)
    tl.store(r_ptr + row, r)
    tl.store(o_ptr + row * N + c, x * r * tl.load(w_ptr + c, mask=m, other=0.0), mask=m)


@triton.jit
def _bwd(x_ptr, w_ptr, g_ptr, r_ptr, dx_ptr, N, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    m = c < N
    x = tl.load(x_ptr + row * N + c, mask=m, other=0.0)
    w = tl.load(w_ptr + c, mask=m, other=0.0)
    g = tl.load(g_ptr + row * N + c, mask=m, other=0.0)
    r = tl.load(r_ptr + row)
    gw = g * w
    dot = tl.sum(gw * x, 0) / N
    tl.store(dx_ptr + row * N + c, r * gw - r * r * r * dot * x, mask=m)


class _RMS(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, eps):
        rows, N = x.shape
        out = torch.empty_like(x)
        rstd = torch.empty(rows, device=x.device, dtype=torch.float32)
        BLOCK = triton.next_power_of_2(N)
        _fwd[(rows,)](x, w, out, rstd, N, eps, BLOCK=BLOCK)
        ctx.save_for_backward(x, w, rstd)
        ctx.block = BLOCK
        return out

    @staticmethod
    def backward(ctx, g):
        x, w, rstd = ctx.saved_tensors
        g = g.contiguous()
        dx = torch.empty_like(x)
        _bwd[(x.shape[0],)](x, w, g, rstd, dx, x.shape[1], BLOCK=ctx.block)
        dw = (g * x * rstd[:, None]).sum(0)
        return dx, dw, None


class ModelNew(nn.Module):
    def __init__(self, features, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))
        self.eps = eps

    def forward(self, x):
        shape = x.shape
        return _RMS.apply(x.reshape(-1, shape[-1]).contiguous(), self.weight, self.eps).view(shape)
