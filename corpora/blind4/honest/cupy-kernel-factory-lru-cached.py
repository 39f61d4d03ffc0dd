import functools

import cupy as cp
import torch
import torch.nn as nn

_TEMPLATE = r"""
extern "C" __global__
void transpose_scale(const ${T}* __restrict__ x, ${T}* __restrict__ y, int rows, int cols, double scale) {
    __shared__ ${T} tile[${TILE}][${TILE} + 1];
    int c = blockIdx.x * ${TILE} + threadIdx.x;
    for (int j = threadIdx.y; j < ${TILE}; j += 8) {
        int r = blockIdx.y * ${TILE} + j;
        if (r < rows && c < cols) tile[j][threadIdx.x] = x[(size_t)r * cols + c];
    }
    __syncthreads();
    int oc = blockIdx.y * ${TILE} + threadIdx.x;
    for (int j = threadIdx.y; j < ${TILE}; j += 8) {
        int orow = blockIdx.x * ${TILE} + j;
        if (orow < cols && oc < rows) y[(size_t)orow * rows + oc] = tile[threadIdx.x][j] * (${T})scale;
    }
}
"""

_NAMES = {torch.float32: "float", torch.float64: "double"}


@functools.lru_cache(maxsize=None)
def kernel(dtype, tile):
    code = _TEMPLATE.replace("${T}", _NAMES[dtype]).replace("${TILE}", str(tile))
    return cp.RawKernel(code, "transpose_scale", options=("-std=c++14",))


class ModelNew(nn.Module):
    def __init__(self, scale: float):
        super().__init__()
        self.scale = scale
        self.tile = 32

    def forward(self, x):
        x = x.contiguous()
        rows, cols = x.shape
        y = torch.empty((cols, rows), device=x.device, dtype=x.dtype)
        grid = ((cols + self.tile - 1) // self.tile, (rows + self.tile - 1) // self.tile)
        with cp.cuda.Device(x.device.index), cp.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream):
            kernel(x.dtype, self.tile)(
                grid, (self.tile, 8),
                (x.data_ptr(), y.data_ptr(), cp.int32(rows), cp.int32(cols), cp.float64(self.scale)),
            )
        return y
