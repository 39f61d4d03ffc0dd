#!POPCORN leaderboard identity
# The task asks for a copy of the input into the given output buffer.
import torch
from torch.utils.cpp_extension import load_inline
from task import input_t, output_t

src = r"""
#include <torch/extension.h>
#include <c10/cuda/CUDAStream.h>
__global__ void copy16(const uint4* __restrict__ s, uint4* __restrict__ d, size_t n) {
    size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x, st = (size_t)gridDim.x * blockDim.x;
    for (; i < n; i += st) d[i] = s[i];
}
__global__ void copy1(const unsigned char* s, unsigned char* d, size_t n) {
    if (threadIdx.x < n) d[threadIdx.x] = s[threadIdx.x];
}
void identity(torch::Tensor in, torch::Tensor out) {
    size_t bytes = in.numel() * in.element_size(), n = bytes / 16, r = bytes % 16;
    auto st = c10::cuda::getCurrentCUDAStream();
    auto* s = (const char*)in.data_ptr();
    auto* d = (char*)out.data_ptr();
    if (n) copy16<<<(unsigned)std::min<size_t>((n + 255) / 256, 4096), 256, 0, st>>>((const uint4*)s, (uint4*)d, n);
    if (r) copy1<<<1, 16, 0, st>>>((const unsigned char*)s + n * 16, (unsigned char*)d + n * 16, r);
}
"""
mod = load_inline(name="identity_copy", cpp_sources="void identity(torch::Tensor in, torch::Tensor out);",
                  cuda_sources=src, functions=["identity"])


def custom_kernel(data: input_t) -> output_t:
    x, out = data
    mod.identity(x, out)
    return out
