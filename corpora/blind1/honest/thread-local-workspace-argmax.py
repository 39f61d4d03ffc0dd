import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

src = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>

__device__ __forceinline__ unsigned long long pack(float v, int i) {
    unsigned u = __float_as_uint(v);
    u = (u & 0x80000000u) ? ~u : u | 0x80000000u;          // order-preserving
    return ((unsigned long long)u << 32) | (0xffffffffu - (unsigned)i);
}
__global__ void best(const float* x, unsigned long long* b, int n) {
    const float* row = x + (size_t)blockIdx.y * n;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicMax(b + blockIdx.y, pack(row[i], i));
}
__global__ void unpack(const unsigned long long* b, long* out, int rows) {
    int r = blockIdx.x * blockDim.x + threadIdx.x;
    if (r < rows) out[r] = 0xffffffffu - (unsigned)(b[r] & 0xffffffffu);
}
torch::Tensor argmax_rows(torch::Tensor x) {
    // scratch grows with the largest batch seen and is cleared on every call
    thread_local torch::Tensor scratch;
    const int rows = x.size(0), n = x.size(1);
    if (!scratch.defined() || scratch.numel() < rows || scratch.device() != x.device())
        scratch = torch::empty({rows}, x.options().dtype(at::kLong));
    auto st = at::cuda::getCurrentCUDAStream();
    auto* b = (unsigned long long*)scratch.data_ptr();
    C10_CUDA_CHECK(cudaMemsetAsync(b, 0, rows * 8, st));
    auto out = torch::empty({rows}, x.options().dtype(at::kLong));
    best<<<dim3(8, rows), 256, 0, st>>>(x.data_ptr<float>(), b, n);
    unpack<<<(rows + 255) / 256, 256, 0, st>>>(b, out.data_ptr<long>(), rows);
    return out;
}
"""
ext = load_inline("argmax_rows", "torch::Tensor argmax_rows(torch::Tensor x);", src, functions=["argmax_rows"])


class ModelNew(nn.Module):
    """Argmax over the last of two dimensions; ties go to the lowest index."""

    def __init__(self, dim: int = 1):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        return ext.argmax_rows(x.contiguous())
