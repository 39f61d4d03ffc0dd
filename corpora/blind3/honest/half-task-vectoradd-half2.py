#!POPCORN leaderboard vectoradd_v2
import torch
from torch.utils.cpp_extension import load_inline

cuda = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <cuda_fp16.h>
struct alignas(16) H8 { __half2 v[4]; };
__global__ void add8(const H8* __restrict__ a, const H8* __restrict__ b, H8* __restrict__ c, long n8) {
  long i = (long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n8) return;
  H8 x = a[i], y = b[i], z;
#pragma unroll
  for (int k = 0; k < 4; ++k) z.v[k] = __hadd2(x.v[k], y.v[k]);
  c[i] = z;
}
__global__ void add_tail(const __half* a, const __half* b, __half* c, long lo, long n) {
  long i = lo + threadIdx.x;
  if (i < n) c[i] = __hadd(a[i], b[i]);
}
void add(torch::Tensor a, torch::Tensor b, torch::Tensor c) {
  long n = a.numel(), n8 = n / 8;
  auto s = at::cuda::getCurrentCUDAStream();
  auto pa = (const __half*)a.data_ptr(); auto pb = (const __half*)b.data_ptr(); auto pc = (__half*)c.data_ptr();
  if (n8) add8<<<(n8 + 255) / 256, 256, 0, s>>>((const H8*)pa, (const H8*)pb, (H8*)pc, n8);
  if (n8 * 8 < n) add_tail<<<1, 8, 0, s>>>(pa, pb, pc, n8 * 8, n);
}
"""
m = load_inline("vadd16", "void add(torch::Tensor a, torch::Tensor b, torch::Tensor c);", cuda, functions=["add"])


def custom_kernel(data):
    a, b, c = data
    m.add(a, b, c)
    return c
