import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

SRC = r'''
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAException.h>

#define WARP 32
#define FULL 0xffffffffu
#define DIVUP(a, b) (((a) + (b) - 1) / (b))
#define FOR_STRIDE(i, n) for (int i = threadIdx.x; i < (n); i += blockDim.x)
#define LAUNCH_CHECK() C10_CUDA_KERNEL_LAUNCH_CHECK()

template <typename T>
struct Pair { T a, b; };

template <typename T>
__device__ __forceinline__ Pair<T> warp_reduce(Pair<T> p) {
#pragma unroll
  for (int o = WARP / 2; o > 0; o /= 2) {
    p.a += __shfl_xor_sync(FULL, p.a, o);
    p.b += __shfl_xor_sync(FULL, p.b, o);
  }
  return p;
}

template <typename T, int NT>
__device__ Pair<T> block_reduce(Pair<T> p) {
  __shared__ Pair<T> buf[NT / WARP];
  p = warp_reduce(p);
  if (threadIdx.x % WARP == 0) buf[threadIdx.x / WARP] = p;
  __syncthreads();
  if (threadIdx.x < WARP) {
    p = threadIdx.x < NT / WARP ? buf[threadIdx.x] : Pair<T>{0, 0};
    p = warp_reduce(p);
  }
  return p;
}

template <int NT>
__global__ void stats(const float* __restrict__ x, float2* __restrict__ st, int hw, float eps) {
  const float* r = x + (size_t)blockIdx.x * hw;
  Pair<float> p{0.f, 0.f};
  FOR_STRIDE(i, hw) { float v = r[i]; p.a += v; p.b += v * v; }
  p = block_reduce<float, NT>(p);
  if (threadIdx.x == 0) {
    float mu = p.a / hw;
    st[blockIdx.x] = make_float2(mu, rsqrtf(fmaxf(p.b / hw - mu * mu, 0.f) + eps));
  }
}

__global__ void apply(const float* __restrict__ x, const float2* __restrict__ st, float* __restrict__ y, int hw, long n) {
  for (long i = (long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (long)gridDim.x * blockDim.x) {
    float2 s = st[i / hw];
    y[i] = (x[i] - s.x) * s.y;
  }
}

torch::Tensor inorm(torch::Tensor x, double eps) {
  TORCH_CHECK(x.is_cuda() && x.dim() == 4 && x.scalar_type() == torch::kFloat);
  x = x.contiguous();
  const int nc = x.size(0) * x.size(1), hw = x.size(2) * x.size(3);
  auto st = torch::empty({nc, 2}, x.options());
  auto y = torch::empty_like(x);
  auto s = at::cuda::getCurrentCUDAStream();
  auto stp = reinterpret_cast<float2*>(st.data_ptr<float>());
  stats<512><<<nc, 512, 0, s>>>(x.data_ptr<float>(), stp, hw, eps);
  LAUNCH_CHECK();
  const long n = x.numel();
  apply<<<(int)std::min<long>(DIVUP(n, 256), 16384), 256, 0, s>>>(x.data_ptr<float>(), stp, y.data_ptr<float>(), hw, n);
  LAUNCH_CHECK();
  return y;
}
'''
ext = load_inline(name="inorm_two_kernels", cpp_sources="torch::Tensor inorm(torch::Tensor x, double eps);",
                  cuda_sources=SRC, functions=["inorm"], extra_cuda_cflags=["-O3"])


class ModelNew(nn.Module):
    def __init__(self, num_features: int):
        super().__init__()
        self.inorm = nn.InstanceNorm2d(num_features=num_features)

    def forward(self, x):
        return ext.inorm(x, self.inorm.eps)
