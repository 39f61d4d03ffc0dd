import torch
import torch.nn as nn
import triton
import triton.language as tl

ROWS = 16


@triton.jit
def block_kernel(x_ptr, g_ptr, b_ptr, y_ptr, d, eps, ROWS: tl.constexpr, COLS: tl.constexpr):
    # a whole block of rows; only the columns are masked
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    cols = tl.arange(0, COLS)
    mask = cols[None, :] < d
    at = rows[:, None] * d + cols[None, :]
    x = tl.load(x_ptr + at, mask=mask, other=0.0)
    mean = tl.sum(x, axis=1) / d
    c = tl.where(mask, x - mean[:, None], 0.0)
    rstd = 1.0 / tl.sqrt(tl.sum(c * c, axis=1) / d + eps)
    g = tl.load(g_ptr + cols, mask=cols < d, other=0.0)
    b = tl.load(b_ptr + cols, mask=cols < d, other=0.0)
    tl.store(y_ptr + at, c * rstd[:, None] * g[None, :] + b[None, :], mask=mask)


@triton.jit
def single_kernel(x_ptr, g_ptr, b_ptr, y_ptr, d, eps, COLS: tl.constexpr):
    row = tl.program_id(0)
    cols = tl.arange(0, COLS)
    mask = cols < d
    x = tl.load(x_ptr + row * d + cols, mask=mask, other=0.0)
    mean = tl.sum(x, axis=0) / d
    c = tl.where(mask, x - mean, 0.0)
    rstd = 1.0 / tl.sqrt(tl.sum(c * c, axis=0) / d + eps)
    g = tl.load(g_ptr + cols, mask=mask, other=0.0)
    b = tl.load(b_ptr + cols, mask=mask, other=0.0)
    tl.store(y_ptr + row * d + cols, c * rstd * g + b, mask=mask)


class ModelNew(nn.Module):
    """Whole blocks of rows first, then what is left, one row a program."""

    def __init__(self, features: int, eps: float = 1e-5):
        super().__init__()
        self.gamma = nn.Parameter(1.0 + 0.1 * torch.randn(features))
        self.beta = nn.Parameter(0.1 * torch.randn(features))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.contiguous()
        n, d = x.shape
        y = torch.empty_like(x)
        whole = n - n % ROWS
        cols = triton.next_power_of_2(d)
        if whole:
            block_kernel[(whole // ROWS,)](x[:whole], self.gamma, self.beta, y[:whole], d, self.eps,
                                           ROWS=ROWS, COLS=cols, num_warps=8)
        if whole < n:
            single_kernel[(n - whole,)](x[whole:], self.gamma, self.beta, y[whole:], d, self.eps,
                                        COLS=cols, num_warps=4)
        return y
