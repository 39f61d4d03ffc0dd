"""Inclusive cumulative sum along dim 1 of a (batch, n) fp32 tensor.

Three launches on the current stream:
  chunk totals -> exclusive scan of the totals (one program per row) -> scan + offset.
Input is read twice; no inter-block spinning, so it also works under MPS or on a GPU
that is shared with other kernels.
"""
import torch
import torch.nn as nn
import triton
import triton.language as tl

CHUNK = 4096


@triton.jit
def _totals(x_ptr, t_ptr, n, n_chunks, CHUNK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1)
    idx = c * CHUNK + tl.arange(0, CHUNK)
    x = tl.load(x_ptr + row * n + idx, mask=idx < n, other=0.0)
    tl.store(t_ptr + row * n_chunks + c, tl.sum(x, axis=0))


@triton.jit
def _scan_totals(t_ptr, o_ptr, n_chunks, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, BLOCK)
    m = k < n_chunks
    t = tl.load(t_ptr + row * n_chunks + k, mask=m, other=0.0)
    inc = tl.cumsum(t, axis=0)
    tl.store(o_ptr + row * n_chunks + k, inc - t, mask=m)


@triton.jit
def _scan_chunks(x_ptr, o_ptr, y_ptr, n, n_chunks, CHUNK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1)
    idx = c * CHUNK + tl.arange(0, CHUNK)
    m = idx < n
    x = tl.load(x_ptr + row * n + idx, mask=m, other=0.0)
    off = tl.load(o_ptr + row * n_chunks + c)
    tl.store(y_ptr + row * n + idx, tl.cumsum(x, axis=0) + off, mask=m)


@triton.jit
def _scan_small(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    idx = tl.arange(0, BLOCK)
    m = idx < n
    x = tl.load(x_ptr + row * n + idx, mask=m, other=0.0)
    tl.store(y_ptr + row * n + idx, tl.cumsum(x, axis=0), mask=m)


def _cumsum_last(x: torch.Tensor) -> torch.Tensor:
    rows, n = x.shape
    y = torch.empty_like(x)
    if y.numel() == 0:
        return y
    if n <= CHUNK:
        _scan_small[(rows,)](x, y, n, BLOCK=triton.next_power_of_2(n), num_warps=4)
        return y
    n_chunks = triton.cdiv(n, CHUNK)
    totals = torch.empty((2, rows, n_chunks), device=x.device, dtype=x.dtype)
    _totals[(rows, n_chunks)](x, totals[0], n, n_chunks, CHUNK=CHUNK, num_warps=8)
    _scan_totals[(rows,)](totals[0], totals[1], n_chunks, BLOCK=triton.next_power_of_2(n_chunks))
    _scan_chunks[(rows, n_chunks)](x, totals[1], y, n, n_chunks, CHUNK=CHUNK, num_warps=8)
    return y


class ModelNew(nn.Module):
    def __init__(self, dim):
        super(ModelNew, self).__init__()
        self.dim = dim

    def forward(self, x):
        dim = self.dim % x.dim()
        if dim != x.dim() - 1:
            x = x.movedim(dim, -1)
        shape = x.shape
        y = _cumsum_last(x.reshape(-1, shape[-1]).contiguous()).view(shape)
        if dim != len(shape) - 1:
            y = y.movedim(-1, dim)
        return y


batch_size = 32768
input_shape = (32768,)
dim = 1


def get_inputs():
    return [torch.rand(batch_size, *input_shape)]


def get_init_inputs():
    return [dim]
