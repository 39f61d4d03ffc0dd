"""
Segment sum over rows, CSR style:

    out[s, :] = sum(values[offsets[s]:offsets[s + 1], :])

values (N, D) fp32 or fp64, offsets (S + 1,) int64 and non-decreasing, out (S, D).
Empty segments give zero rows.  Segments with many rows are cut into pieces that are added
with atomics, hence the zero-initialised output on that path.
"""
import math
import os

# numba prints a warning for every small grid; they are expected here
os.environ.setdefault("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "0")

import numpy as np
import torch
from numba import cuda

THREADS = 128
PIECE = 256  # rows per block on the split path


@cuda.jit
def _whole_segments(values, offsets, out, zero):
    s = cuda.blockIdx.x
    col = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if col < out.shape[1]:
        acc = zero
        for r in range(offsets[s], offsets[s + 1]):
            acc += values[r, col]
        out[s, col] = acc


@cuda.jit
def _row_pieces(values, offsets, out, n_seg, piece, zero):
    col = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    lo = cuda.blockIdx.x * piece + offsets[0]
    hi = min(lo + piece, offsets[n_seg])
    if col >= out.shape[1] or lo >= hi:
        return
    # last segment that starts at or before row lo
    a = 0
    b = n_seg
    while b - a > 1:
        mid = (a + b) // 2
        if offsets[mid] <= lo:
            a = mid
        else:
            b = mid
    s = a
    r = lo
    while r < hi:
        stop = min(offsets[s + 1], hi)
        acc = zero
        while r < stop:
            acc += values[r, col]
            r += 1
        cuda.atomic.add(out, (s, col), acc)
        s += 1


def kernel(values: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    if values.dim() != 2 or offsets.dim() != 1:
        raise ValueError("values must be 2D, offsets 1D")
    if values.dtype not in (torch.float32, torch.float64):
        raise TypeError("fp32 or fp64 expected")
    values = values.detach().contiguous()
    offsets = offsets.to(torch.int64).contiguous()
    n, d = values.shape
    s = offsets.numel() - 1
    if s <= 0 or d == 0 or n == 0:
        return torch.zeros((max(s, 0), d), dtype=values.dtype, device=values.device)

    with torch.cuda.device(values.device):
        stream = cuda.external_stream(torch.cuda.current_stream().cuda_stream)
        cols = math.ceil(d / THREADS)
        # typed, so that the accumulator has the dtype of the values
        zero = np.float32(0) if values.dtype == torch.float32 else np.float64(0)
        v = cuda.as_cuda_array(values, sync=False)
        o = cuda.as_cuda_array(offsets, sync=False)
        # the average length decides; either path is right for any lengths
        if n <= 64 * s:
            out = torch.empty((s, d), dtype=values.dtype, device=values.device)
            _whole_segments[(s, cols), THREADS, stream](v, o, cuda.as_cuda_array(out, sync=False), zero)
        else:
            out = torch.zeros((s, d), dtype=values.dtype, device=values.device)
            _row_pieces[(math.ceil(n / PIECE), cols), THREADS, stream](
                v, o, cuda.as_cuda_array(out, sync=False), s, PIECE, zero
            )
    return out


if __name__ == "__main__":
    torch.manual_seed(0)
    for n, s, d in ((10, 4, 3), (5000, 700, 65), (100_000, 12, 200)):
        x = torch.randn(n, d, device="cuda", dtype=torch.float64)
        cut = torch.randint(0, n + 1, (s - 1,), device="cuda").sort().values
        off = torch.cat([cut.new_zeros(1), cut, cut.new_full((1,), n)])
        want = torch.stack([x[off[i]:off[i + 1]].sum(0) for i in range(s)])
        assert torch.allclose(kernel(x, off), want), (n, s, d)
    print("ok")
