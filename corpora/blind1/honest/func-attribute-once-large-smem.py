import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

cuda_source = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>

// a whole row lives in shared memory: up to 24k floats
__global__ void logsoftmax_smem(const float* __restrict__ x, float* __restrict__ y, int n) {
    extern __shared__ float row[];
    __shared__ float red[32];
    const float* xp = x + (size_t)blockIdx.x * n;
    float m = -INFINITY;
    for (int i = threadIdx.x; i < n; i += blockDim.x) { row[i] = xp[i]; m = fmaxf(m, row[i]); }
    for (int o = 16; o; o >>= 1) m = fmaxf(m, __shfl_xor_sync(~0u, m, o));
    if (threadIdx.x % 32 == 0) red[threadIdx.x / 32] = m;
    __syncthreads();
    m = red[0];
    for (int w = 1; w < blockDim.x / 32; ++w) m = fmaxf(m, red[w]);
    __syncthreads();
    float s = 0.f;
    for (int i = threadIdx.x; i < n; i += blockDim.x) s += expf(row[i] - m);
    for (int o = 16; o; o >>= 1) s += __shfl_xor_sync(~0u, s, o);
    if (threadIdx.x % 32 == 0) red[threadIdx.x / 32] = s;
    __syncthreads();
    s = 0.f;
    for (int w = 0; w < blockDim.x / 32; ++w) s += red[w];
    const float z = m + logf(s);
    for (int i = threadIdx.x; i < n; i += blockDim.x) y[(size_t)blockIdx.x * n + i] = row[i] - z;
}

torch::Tensor logsoftmax(torch::Tensor x) {
    static bool configured = false;
    if (!configured) {
        cudaFuncSetAttribute(logsoftmax_smem, cudaFuncAttributeMaxDynamicSharedMemorySize, 96 * 1024);
        configured = true;
    }
    const int n = x.size(1);
    TORCH_CHECK(n * sizeof(float) <= 96 * 1024, "row does not fit in shared memory");
    auto y = torch::empty_like(x);
    logsoftmax_smem<<<x.size(0), 512, n * sizeof(float), at::cuda::getCurrentCUDAStream()>>>(
        x.data_ptr<float>(), y.data_ptr<float>(), n);
    return y;
}
"""

log_softmax = load_inline("logsoftmax_smem", "torch::Tensor logsoftmax(torch::Tensor x);", cuda_source,
                          functions=["logsoftmax"], extra_cuda_cflags=["-O3", "--expt-relaxed-constexpr"])


class ModelNew(nn.Module):
    def __init__(self, dim: int = 1):
        super().__init__()
        assert dim == 1
        self.dim = dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return log_softmax.logsoftmax(x.contiguous())
