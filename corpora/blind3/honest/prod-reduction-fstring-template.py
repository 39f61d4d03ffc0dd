import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

def cuda(threads, unroll):
    return f"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
constexpr int T = {threads};
constexpr int U = {unroll};
__global__ __launch_bounds__(T) void prod_rows(const float* __restrict__ x, float* __restrict__ y, int R, int C) {{
  const int b = blockIdx.y;
  const int c = blockIdx.x * T + threadIdx.x;
  if (c >= C) return;
  const float* p = x + (size_t)b * R * C + c;
  float a[U];
  #pragma unroll
  for (int u = 0; u < U; ++u) a[u] = 1.f;
  int r = 0;
  for (; r + U <= R; r += U) {{
    #pragma unroll
    for (int u = 0; u < U; ++u) a[u] *= p[(size_t)(r + u) * C];
  }}
  for (; r < R; ++r) a[0] *= p[(size_t)r * C];
  #pragma unroll
  for (int u = 1; u < U; ++u) a[0] *= a[u];
  y[(size_t)b * C + c] = a[0];
}}
torch::Tensor prod1(torch::Tensor x) {{
  const int B = x.size(0), R = x.size(1), C = x.size(2);
  auto y = torch::empty({{B, C}}, x.options());
  prod_rows<<<dim3((C + T - 1) / T, B), T, 0, at::cuda::getCurrentCUDAStream()>>>(x.data_ptr<float>(), y.data_ptr<float>(), R, C);
  return y;
}}
"""

mod = load_inline(name="prod1_t128_u4", cpp_sources="torch::Tensor prod1(torch::Tensor x);",
                  cuda_sources=cuda(128, 4), functions=["prod1"])


class ModelNew(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        return mod.prod1(x.movedim(self.dim, 1).contiguous())
