from __future__ import annotations

import abc

import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def short_rows(x, y, R, C, BR: tl.constexpr, BC: tl.constexpr):
    r = tl.program_id(0) * BR + tl.arange(0, BR)
    c = tl.arange(0, BC)
    m = (r[:, None] < R) & (c[None, :] < C)
    v = tl.load(x + r[:, None] * C + c[None, :], mask=m, other=0.0)
    tl.store(y + r, tl.sum(v, 1) / C, mask=r < R)


@triton.jit
def long_rows(x, y, C, B: tl.constexpr):
    r = tl.program_id(0)
    a = tl.zeros((B,), tl.float32)
    for k in range(0, C, B):
        i = k + tl.arange(0, B)
        a += tl.load(x + r * C + i, mask=i < C, other=0.0)
    tl.store(y + r, tl.sum(a, 0) / C)


class Strategy(abc.ABC):
    @abc.abstractmethod
    def fits(self, rows: int, cols: int) -> bool: ...

    @abc.abstractmethod
    def run(self, x: torch.Tensor, y: torch.Tensor) -> None: ...


class ShortRows(Strategy):
    def fits(self, rows, cols):
        return cols <= 1024

    def run(self, x, y):
        R, C = x.shape
        short_rows[(triton.cdiv(R, 8),)](x, y, R, C, BR=8, BC=triton.next_power_of_2(C))


class LongRows(Strategy):
    def fits(self, rows, cols):
        return True

    def run(self, x, y):
        long_rows[(x.shape[0],)](x, y, x.shape[1], B=2048, num_warps=8)


class ModelNew(nn.Module):
    STRATEGIES: tuple[Strategy, ...] = (ShortRows(), LongRows())

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        t = x.movedim(self.dim, -1).contiguous()
        flat = t.view(-1, t.shape[-1])
        y = torch.empty(flat.shape[0], device=x.device, dtype=x.dtype)
        next(s for s in self.STRATEGIES if s.fits(*flat.shape)).run(flat, y)
        return y.view(t.shape[:-1])
