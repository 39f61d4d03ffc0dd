import types

import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def softmax_kernel(x_ptr, y_ptr, n_cols, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    cols = tl.arange(0, BLOCK)
    mask = cols < n_cols
    v = tl.load(x_ptr + row * n_cols + cols, mask=mask, other=-float("inf"))
    e = tl.exp(v - tl.max(v, axis=0))
    tl.store(y_ptr + row * n_cols + cols, e / tl.sum(e, axis=0), mask=mask)


@triton.jit
def softmax_loop_kernel(x_ptr, y_ptr, n_cols, BLOCK: tl.constexpr):
    # rows that don't fit registers: running maximum and sum, then a second pass
    row = tl.program_id(0)
    top = tl.full((), -float("inf"), tl.float32)
    total = tl.full((), 0.0, tl.float32)
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        v = tl.load(x_ptr + row * n_cols + cols, mask=cols < n_cols, other=-float("inf"))
        new = tl.maximum(top, tl.max(v, axis=0))
        total = total * tl.exp(top - new) + tl.sum(tl.exp(v - new), axis=0)
        top = new
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        v = tl.load(x_ptr + row * n_cols + cols, mask=cols < n_cols, other=-float("inf"))
        tl.store(y_ptr + row * n_cols + cols, tl.exp(v - top) / total, mask=cols < n_cols)


def _in_registers(self, x, y):
    softmax_kernel[(x.shape[0],)](x, y, x.shape[1], BLOCK=triton.next_power_of_2(x.shape[1]), num_warps=self.warps)


def _in_two_passes(self, x, y):
    softmax_loop_kernel[(x.shape[0],)](x, y, x.shape[1], BLOCK=4096, num_warps=self.warps)


class ModelNew(nn.Module):
    """Binds its two launchers once, as methods of this instance."""

    warps = 8

    def __init__(self):
        super().__init__()
        self.narrow = types.MethodType(_in_registers, self)
        setattr(self, "wide", types.MethodType(_in_two_passes, self))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.contiguous()
        y = torch.empty_like(x)
        (self.narrow if x.shape[1] <= 16384 else self.wide)(x, y)
        return y
