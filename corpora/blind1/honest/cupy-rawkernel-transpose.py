import cupy as cp
import torch
import torch.nn as nn

_transpose_code = r"""
extern "C" __global__
void transpose32(const float* __restrict__ in, float* __restrict__ out, int rows, int cols) {
    __shared__ float tile[32][33];
    int x = blockIdx.x * 32 + threadIdx.x;
    int y = blockIdx.y * 32 + threadIdx.y;
    for (int j = 0; j < 32; j += 8)
        if (x < cols && y + j < rows) tile[threadIdx.y + j][threadIdx.x] = in[(size_t)(y + j) * cols + x];
    __syncthreads();
    x = blockIdx.y * 32 + threadIdx.x;
    y = blockIdx.x * 32 + threadIdx.y;
    for (int j = 0; j < 32; j += 8)
        if (x < rows && y + j < cols) out[(size_t)(y + j) * rows + x] = tile[threadIdx.x][threadIdx.y + j];
}
"""

_transpose = cp.RawKernel(_transpose_code, "transpose32", options=("--std=c++14",))


def _current_cupy_stream() -> cp.cuda.ExternalStream:
    return cp.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream)


class ModelNew(nn.Module):
    """Materialised transpose with a padded shared-memory tile."""

    def __init__(self):
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.dtype is not torch.float32:
            raise TypeError("transpose32 handles float32 only")
        x = x.contiguous()
        rows, cols = x.shape
        out = torch.empty((cols, rows), device=x.device, dtype=x.dtype)
        grid = ((cols + 31) // 32, (rows + 31) // 32)
        with _current_cupy_stream():
            _transpose(grid, (32, 8), (x.data_ptr(), out.data_ptr(), cp.int32(rows), cp.int32(cols)))
        return out
