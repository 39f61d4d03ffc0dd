import contextlib
import os

import torch
import torch.nn as nn
import triton
import triton.language as tl


@contextlib.contextmanager
def region(name, device):
    with torch.cuda.device(device):
        if os.getenv("NVTX"):
            torch.cuda.nvtx.range_push(name)
        try:
            yield
        finally:
            if os.getenv("NVTX"):
                torch.cuda.nvtx.range_pop()


@triton.jit
def cumsum_rev(x, y, D, BLOCK: tl.constexpr):
    r = tl.program_id(0)
    carry = 0.0
    for o in range(0, D, BLOCK):
        c = D - 1 - (o + tl.arange(0, BLOCK))
        v = tl.load(x + r * D + c, mask=c >= 0, other=0.0)
        s = tl.cumsum(v, 0) + carry
        tl.store(y + r * D + c, s, mask=c >= 0)
        carry += tl.sum(v, 0)


class ModelNew(nn.Module):
    """Reverse cumulative sum along `dim`."""

    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        last = x.dim() - 1
        xt = x.transpose(self.dim, last).contiguous()
        y = torch.empty_like(xt)
        D = xt.shape[-1]
        with region("rev_cumsum", x.device):
            cumsum_rev[(xt.numel() // D,)](xt, y, D, BLOCK=1024)
        return y.transpose(self.dim, last)


def get_inputs():
    return [torch.randn(128, 4000)]


def get_init_inputs():
    return [1]
