import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _softplus_fwd(x_ptr, o_ptr, n, BLOCK: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = o < n
    x = tl.load(x_ptr + o, mask=m, other=0.0)
    e = tl.exp(-tl.abs(x))
    # log1p through the correction of Kahan, so that tiny e keep their digits
    u = 1.0 + e
    lp = tl.where(u == 1.0, e, tl.log(u) * e / tl.where(u == 1.0, 1.0, u - 1.0))
    tl.store(o_ptr + o, tl.maximum(x, 0.0) + lp, mask=m)


@triton.jit
def _softplus_bwd(x_ptr, g_ptr, o_ptr, n, BLOCK: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = o < n
    x = tl.load(x_ptr + o, mask=m, other=0.0)
    g = tl.load(g_ptr + o, mask=m, other=0.0)
    tl.store(o_ptr + o, g * tl.sigmoid(x), mask=m)


@torch.library.custom_op("kbsoft::softplus", mutates_args=())
def softplus(x: torch.Tensor) -> torch.Tensor:
    x = x.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    _softplus_fwd[(triton.cdiv(n, 1024),)](x, out, n, BLOCK=1024)
    return out


@softplus.register_fake
def _(x):
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _keep(ctx, inputs, output):
    ctx.save_for_backward(inputs[0])


def _grad(ctx, g):
    (x,) = ctx.saved_tensors
    x, g = x.contiguous(), g.contiguous()
    out = torch.empty_like(x)
    n = x.numel()
    _softplus_bwd[(triton.cdiv(n, 1024),)](x, g, out, n, BLOCK=1024)
    return out


softplus.register_autograd(_grad, setup_context=_keep)


class ModelNew(nn.Module):
    def __init__(self):
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.kbsoft.softplus(x)
