#!POPCORN leaderboard masked_softmax
#!POPCORN gpus H100
import torch
from torch.utils.cpp_extension import load_inline

CUDA = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <cfloat>

__device__ float warp_max(float v) {
    for (int o = 16; o > 0; o >>= 1) v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, o));
    return v;
}
__device__ float warp_sum(float v) {
    for (int o = 16; o > 0; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
    return v;
}

__global__ void masked_softmax_kernel(const float* __restrict__ x, const int* __restrict__ lengths,
                                      float* __restrict__ y, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    const int len = cols - (cols >> 2);
    const float* xr = x + (size_t)row * cols;
    float* yr = y + (size_t)row * cols;
    float m = -FLT_MAX;
    for (int c = threadIdx.x; c < len; c += 32) m = fmaxf(m, xr[c]);
    m = warp_max(m);
    float s = 0.f;
    for (int c = threadIdx.x; c < len; c += 32) s += __expf(xr[c] - m);
    s = warp_sum(s);
    for (int c = threadIdx.x; c < cols; c += 32)
        yr[c] = c < len ? __expf(xr[c] - m) / s : 0.f;
}

void masked_softmax(torch::Tensor x, torch::Tensor lengths, torch::Tensor y) {
    int rows = x.size(0), cols = x.size(1);
    masked_softmax_kernel<<<(rows + 7) / 8, dim3(32, 8), 0, at::cuda::getCurrentCUDAStream()>>>(
        x.data_ptr<float>(), lengths.data_ptr<int>(), y.data_ptr<float>(), rows, cols);
}
"""

mod = load_inline(
    name="masked_softmax_sub",
    cpp_sources="void masked_softmax(torch::Tensor x, torch::Tensor lengths, torch::Tensor y);",
    cuda_sources=CUDA,
    functions=["masked_softmax"],
    extra_cuda_cflags=["-O3", "--use_fast_math"],
)


def custom_kernel(data):
    x, lengths, out = data
    mod.masked_softmax(x, lengths.to(torch.int32), out)
    return out
