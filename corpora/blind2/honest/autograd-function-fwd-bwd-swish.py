import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def fwd_kernel(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    v = tl.load(x + i, mask=m).to(tl.float32)
    tl.store(y + i, (v * tl.sigmoid(v)).to(y.dtype.element_ty), mask=m)


@triton.jit
def bwd_kernel(x, dy, dx, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    v = tl.load(x + i, mask=m).to(tl.float32)
    g = tl.load(dy + i, mask=m).to(tl.float32)
    s = tl.sigmoid(v)
    tl.store(dx + i, (g * s * (1.0 + v * (1.0 - s))).to(dx.dtype.element_ty), mask=m)


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        x = x.contiguous()
        ctx.save_for_backward(x)
        y = torch.empty_like(x)
        fwd_kernel[(triton.cdiv(x.numel(), 2048),)](x, y, x.numel(), BLOCK=2048)
        return y

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        dx = torch.empty_like(x)
        bwd_kernel[(triton.cdiv(x.numel(), 2048),)](x, dy.contiguous(), dx, x.numel(), BLOCK=2048)
        return dx


class ModelNew(nn.Module):
    def __init__(self):
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return Swish.apply(x)


def get_inputs():
    return [torch.randn(16, 16384)]


def get_init_inputs():
    return []
