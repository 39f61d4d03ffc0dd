import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

CPP = "torch::Tensor layer_norm(torch::Tensor x, torch::Tensor gamma, torch::Tensor beta, double eps);"

CUDA = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>

// Bypasses L1 for what is read once and evicts it first from L2.
__device__ __forceinline__ float load_once(const float* p) {
    float v;
    asm volatile("ld.global.nc.L1::no_allocate.f32 %0, [%1];" : "=f"(v) : "l"(p));
    return v;
}

__device__ float block_sum(float v, float* part) {
    for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
    if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = v;
    __syncthreads();
    v = 0.f;
    for (int w = 0; w < (blockDim.x >> 5); ++w) v += part[w];
    __syncthreads();
    return v;
}

// One row a block; the row is read from memory once and kept in shared memory.
__global__ void layer_norm_kernel(const float* __restrict__ x, const float* __restrict__ gamma,
                                  const float* __restrict__ beta, float* __restrict__ y, int d, float eps) {
    extern __shared__ float tile[];
    __shared__ float part[32];
    const float* row = x + (size_t)blockIdx.x * d;
    float* out = y + (size_t)blockIdx.x * d;
    float s = 0.f;
    for (int j = threadIdx.x; j < d; j += blockDim.x) { float v = load_once(row + j); tile[j] = v; s += v; }
    const float mean = block_sum(s, part) / d;
    float q = 0.f;
    for (int j = threadIdx.x; j < d; j += blockDim.x) { float c = tile[j] - mean; q += c * c; }
    const float rstd = 1.0f / sqrtf(block_sum(q, part) / d + eps);
    for (int j = threadIdx.x; j < d; j += blockDim.x)
        __stcs(out + j, (tile[j] - mean) * rstd * __ldg(gamma + j) + __ldg(beta + j));
}

torch::Tensor layer_norm(torch::Tensor x, torch::Tensor gamma, torch::Tensor beta, double eps) {
    const int d = x.size(-1);
    const int rows = x.numel() / d;
    auto y = torch::empty_like(x);
    layer_norm_kernel<<<rows, 256, d * sizeof(float), at::cuda::getCurrentCUDAStream()>>>(
        x.data_ptr<float>(), gamma.data_ptr<float>(), beta.data_ptr<float>(), y.data_ptr<float>(), d, (float)eps);
    return y;
}
"""

ext = load_inline(name="layer_norm_streaming", cpp_sources=CPP, cuda_sources=CUDA, functions=["layer_norm"],
                  extra_cuda_cflags=["-O3"])


class ModelNew(nn.Module):
    def __init__(self, features: int, eps: float = 1e-5):
        super().__init__()
        self.gamma = nn.Parameter(1.0 + 0.1 * torch.randn(features))
        self.beta = nn.Parameter(0.1 * torch.randn(features))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return ext.layer_norm(x.contiguous(), self.gamma, self.beta, self.eps)
