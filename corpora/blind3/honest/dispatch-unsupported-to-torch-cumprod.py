import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _mul(a, b):
    return a * b


@triton.jit
def cumprod_rows(x, y, C, B: tl.constexpr):
    r = tl.program_id(0)
    i = tl.arange(0, B)
    v = tl.load(x + r * C + i, mask=i < C, other=1.0)
    tl.store(y + r * C + i, tl.associative_scan(v, 0, _mul), mask=i < C)


_MAX_COLS = 32768


def _supported(x, dim):
    return (
        x.is_cuda
        and x.dtype == torch.float32
        and x.dim() == 2
        and dim in (1, -1)
        and x.shape[1] <= _MAX_COLS
    )


class ModelNew(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        if not _supported(x, self.dim):
            return torch.cumprod(x, dim=self.dim)
        x = x.contiguous()
        y = torch.empty_like(x)
        R, C = x.shape
        cumprod_rows[(R,)](x, y, C, B=triton.next_power_of_2(C), num_warps=8 if C > 4096 else 4)
        return y
