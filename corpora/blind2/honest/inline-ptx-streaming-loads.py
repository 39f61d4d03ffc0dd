import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

CUDA = r"""
#include <torch/extension.h>
#include <c10/cuda/CUDAStream.h>

__device__ __forceinline__ float4 ld_stream(const float4* p) {
    float4 v;
    asm volatile("ld.global.nc.L1::no_allocate.v4.f32 {%0,%1,%2,%3}, [%4];"
                 : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w) : "l"(p));
    return v;
}
__device__ __forceinline__ void st_stream(float4* p, float4 v) {
    asm volatile("st.global.cs.v4.f32 [%0], {%1,%2,%3,%4};" :: "l"(p), "f"(v.x), "f"(v.y), "f"(v.z), "f"(v.w));
}
__device__ __forceinline__ float tanh_fast_exact(float x) { return tanhf(x); }

__global__ void tanh_kernel(const float4* __restrict__ x, float4* __restrict__ y, int n4) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n4) return;
    float4 v = ld_stream(x + i);
    v.x = tanh_fast_exact(v.x); v.y = tanh_fast_exact(v.y);
    v.z = tanh_fast_exact(v.z); v.w = tanh_fast_exact(v.w);
    st_stream(y + i, v);
}

torch::Tensor tanh_fwd(torch::Tensor x) {
    TORCH_CHECK(x.numel() % 4 == 0, "size must be a multiple of 4");
    auto y = torch::empty_like(x);
    int n4 = x.numel() / 4;
    tanh_kernel<<<(n4 + 255) / 256, 256, 0, c10::cuda::getCurrentCUDAStream()>>>(
        reinterpret_cast<const float4*>(x.data_ptr<float>()), reinterpret_cast<float4*>(y.data_ptr<float>()), n4);
    return y;
}
"""
_ext = load_inline(name="tanh_ptx", cpp_sources="torch::Tensor tanh_fwd(torch::Tensor x);", cuda_sources=CUDA,
                   functions=["tanh_fwd"])


class ModelNew(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _ext.tanh_fwd(x.contiguous())


def get_inputs():
    return [torch.randn(16, 16384)]


def get_init_inputs():
    return []
