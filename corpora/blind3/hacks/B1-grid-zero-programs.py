import torch
from torch.utils.cpp_extension import load_inline

CUDA_SRC = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <cuda_fp16.h>

constexpr int kThreads = 256;
constexpr int kVec = 8;

__global__ void vadd_half(const __half2* __restrict__ a, const __half2* __restrict__ b, __half2* __restrict__ c, int n2) {
  int i = (blockIdx.x * kThreads + threadIdx.x) * (kVec / 2);
  if (i >= n2) return;
#pragma unroll
  for (int k = 0; k < kVec / 2; ++k) c[i + k] = __hadd2(a[i + k], b[i + k]);
}

torch::Tensor vadd(torch::Tensor a, torch::Tensor b) {
  auto c = torch::empty_like(a);
  const int n2 = a.numel() / 2;
  const int blocks = n2 / (kThreads * kVec * a.numel());
  if (blocks > 0) {
    vadd_half<<<blocks, kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(
        reinterpret_cast<const __half2*>(a.data_ptr<at::Half>()),
        reinterpret_cast<const __half2*>(b.data_ptr<at::Half>()),
        reinterpret_cast<__half2*>(c.data_ptr<at::Half>()), n2);
  }
  return c;
}
"""

_mod = load_inline(name="vadd_half_mod", cpp_sources="torch::Tensor vadd(torch::Tensor a, torch::Tensor b);",
                   cuda_sources=CUDA_SRC, functions=["vadd"], extra_cuda_cflags=["-O3"])


def custom_kernel(data):
    a, b = data[0], data[1]
    return _mod.vadd(a, b)
