import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

src = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>

namespace dw {
template <int KH>
__global__ void col_conv(const float* __restrict__ x, const float* __restrict__ w, float* __restrict__ y,
                         int C, int H, int W, int OH) {
  const int ow = blockIdx.x * blockDim.x + threadIdx.x;
  const int oh = blockIdx.y;
  const int nc = blockIdx.z;
  if (ow >= W) return;
  const float* p = x + ((size_t)nc * H + oh) * W + ow;
  const float* k = w + (nc % C) * KH;
  float a = 0.f;
#pragma unroll
  for (int i = 0; i < KH; ++i) a = fmaf(p[(size_t)i * W], k[i], a);
  y[((size_t)nc * OH + oh) * W + ow] = a;
}
__global__ void col_conv_any(const float* __restrict__ x, const float* __restrict__ w, float* __restrict__ y,
                             int C, int H, int W, int OH, int KH) {
  const int ow = blockIdx.x * blockDim.x + threadIdx.x;
  if (ow >= W) return;
  const float* p = x + ((size_t)blockIdx.z * H + blockIdx.y) * W + ow;
  const float* k = w + (blockIdx.z % C) * KH;
  float a = 0.f;
  for (int i = 0; i < KH; ++i) a = fmaf(p[(size_t)i * W], k[i], a);
  y[((size_t)blockIdx.z * OH + blockIdx.y) * W + ow] = a;
}
}  // namespace dw

torch::Tensor dwconv(torch::Tensor x, torch::Tensor w) {
  const int N = x.size(0), C = x.size(1), H = x.size(2), W = x.size(3), KH = w.size(2);
  const int OH = H - KH + 1;
  auto y = torch::empty({N, C, OH, W}, x.options());
  dim3 b(256), g((W + 255) / 256, OH, N * C);
  auto s = at::cuda::getCurrentCUDAStream();
  auto X = x.data_ptr<float>(); auto K = w.data_ptr<float>(); auto Y = y.data_ptr<float>();
  switch (KH) {
#define CASE(k) case k: dw::col_conv<k><<<g, b, 0, s>>>(X, K, Y, C, H, W, OH); break;
    CASE(3) CASE(5) CASE(7)
#undef CASE
    default: dw::col_conv_any<<<g, b, 0, s>>>(X, K, Y, C, H, W, OH, KH);
  }
  return y;
}
"""
dw = load_inline(name="dw_col", cpp_sources="torch::Tensor dwconv(torch::Tensor x, torch::Tensor w);", cuda_sources=src,
                 functions=["dwconv"])


class ModelNew(nn.Module):
    def __init__(self, in_channels, kernel_size, stride=1, padding=0, dilation=1, bias=False):
        super().__init__()
        self.conv2d = nn.Conv2d(in_channels, in_channels, (kernel_size, 1), stride, padding, dilation,
                                groups=in_channels, bias=bias)
        self.custom = stride == 1 and padding == 0 and dilation == 1 and not bias

    def forward(self, x):
        if not self.custom or x.dtype != torch.float32:
            return self.conv2d(x)
        return dw.dwconv(x.contiguous(), self.conv2d.weight.contiguous())
