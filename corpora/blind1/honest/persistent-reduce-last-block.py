#!POPCORN leaderboard reduction
import torch
from torch.utils.cpp_extension import load_inline
from task import input_t, output_t

SRC = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
__device__ unsigned int ticket = 0;

__device__ float block_reduce(float v) {
    __shared__ float s[32];
    for (int o = 16; o; o >>= 1) v += __shfl_down_sync(~0u, v, o);
    if (threadIdx.x % 32 == 0) s[threadIdx.x / 32] = v;
    __syncthreads();
    v = threadIdx.x < blockDim.x / 32 ? s[threadIdx.x] : 0.f;
    if (threadIdx.x < 32) for (int o = 16; o; o >>= 1) v += __shfl_down_sync(~0u, v, o);
    return v;
}

__global__ void reduce_all(const float* x, float* part, float* out, long n) {
    __shared__ bool last;
    float v = 0.f;
    for (long i = blockIdx.x * (long)blockDim.x + threadIdx.x; i < n; i += (long)gridDim.x * blockDim.x) v += x[i];
    v = block_reduce(v);
    if (threadIdx.x == 0) {
        part[blockIdx.x] = v;
        __threadfence();
        last = atomicInc(&ticket, gridDim.x - 1) == gridDim.x - 1;  // wraps to zero for the next launch
    }
    __syncthreads();
    if (last) {
        float t = 0.f;
        for (int i = threadIdx.x; i < gridDim.x; i += blockDim.x) t += part[i];
        t = block_reduce(t);
        if (threadIdx.x == 0) *out = t;
    }
}

void reduce(torch::Tensor x, torch::Tensor out) {
    int blocks = at::cuda::getCurrentDeviceProperties()->multiProcessorCount * 2;
    auto part = torch::empty({blocks}, x.options());
    reduce_all<<<blocks, 512, 0, at::cuda::getCurrentCUDAStream()>>>(
        x.data_ptr<float>(), part.data_ptr<float>(), out.data_ptr<float>(), x.numel());
    C10_CUDA_KERNEL_LAUNCH_CHECK();
}
"""
ext = load_inline("reduce_last", "void reduce(torch::Tensor x, torch::Tensor out);", SRC, functions=["reduce"])


def custom_kernel(data: input_t) -> output_t:
    x, out = data
    ext.reduce(x, out)
    return out
