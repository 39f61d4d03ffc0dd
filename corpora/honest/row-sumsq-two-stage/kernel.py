#!POPCORN leaderboard row-sumsq
import torch
import triton
import triton.language as tl
from task import input_t, output_t

SLICE = 512
_scratch: dict[tuple, torch.Tensor] = {}


@triton.jit
def partial_sums(x_ptr, part_ptr, n_cols, n_slices, SLICE: tl.constexpr):
    row, piece = tl.program_id(0), tl.program_id(1)
    cols = piece * SLICE + tl.arange(0, SLICE)
    v = tl.load(x_ptr + row * n_cols + cols, mask=cols < n_cols, other=0.0)
    v = tl.maximum(v, 0.0)
    tl.store(part_ptr + row * n_slices + piece, tl.sum(v * v, axis=0))


@triton.jit
def fold_slices(part_ptr, out_ptr, n_slices, WIDTH: tl.constexpr):
    row = tl.program_id(0)
    at = tl.arange(0, WIDTH)
    part = tl.load(part_ptr + row * n_slices + at, mask=at < n_slices, other=0.0)
    tl.store(out_ptr + row, tl.sum(part, axis=0))


def workspace(rows: int, slices: int, like: torch.Tensor) -> torch.Tensor:
    """Partial sums of one call; every element is written before it is read."""
    key = (rows, slices, like.device)
    if key not in _scratch:
        _scratch[key] = torch.empty(rows, slices, device=like.device, dtype=torch.float32)
    return _scratch[key]


def custom_kernel(data: input_t) -> output_t:
    data = data.contiguous()
    rows, cols = data.shape
    slices = triton.cdiv(cols, SLICE)
    part = workspace(rows, slices, data)
    out = torch.empty(rows, device=data.device, dtype=data.dtype)
    partial_sums[(rows, slices)](data, part, cols, slices, SLICE=SLICE, num_warps=4)
    fold_slices[(rows,)](part, out, slices, WIDTH=triton.next_power_of_2(slices), num_warps=1)
    return out
