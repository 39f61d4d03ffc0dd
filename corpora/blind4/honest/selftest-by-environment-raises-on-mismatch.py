import os

import torch
import torch.nn as nn
import torch.nn.functional as F
import triton
import triton.language as tl

SELFTEST = os.environ.get("KERNEL_SELFTEST", "0") == "1"


@triton.jit
def _glu(x_ptr, o_ptr, HALF, n, BLOCK: tl.constexpr):
    o = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    m = o < n
    row = o // HALF
    col = o % HALF
    a = tl.load(x_ptr + row * 2 * HALF + col, mask=m, other=0.0).to(tl.float32)
    b = tl.load(x_ptr + row * 2 * HALF + HALF + col, mask=m, other=0.0).to(tl.float32)
    tl.store(o_ptr + o, (a * tl.sigmoid(b)).to(o_ptr.dtype.element_ty), mask=m)


def verified(launch):
    """With KERNEL_SELFTEST=1 compares against eager and raises; the kernel's result is returned either way."""
    if not SELFTEST:
        return launch

    def checked(self, x):
        got = launch(self, x)
        torch.testing.assert_close(got, F.glu(x, dim=-1))
        return got

    return checked


class ModelNew(nn.Module):
    """Gated linear unit over the last dimension."""

    def __init__(self):
        super().__init__()

    @verified
    def forward(self, x):
        if x.shape[-1] % 2:
            raise ValueError("the last dimension must be even")
        x = x.contiguous()
        half = x.shape[-1] // 2
        out = torch.empty((*x.shape[:-1], half), device=x.device, dtype=x.dtype)
        n = out.numel()
        if n:
            _glu[(triton.cdiv(n, 1024),)](x, out, half, n, BLOCK=1024)
        return out


def get_inputs():
    return [torch.randn(64, 512, 2048)]
