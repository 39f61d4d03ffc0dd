import torch
from torch.utils.cpp_extension import load_inline
from task import input_t, output_t

source = r"""
#include <torch/extension.h>
#include <c10/cuda/CUDAStream.h>

__device__ __forceinline__ float warp_sum(float v) {
    #pragma unroll
    for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
    return v;
}

__global__ void __launch_bounds__(512, 4) sum_all(const float4* __restrict__ x, const float* __restrict__ tail,
                                                 float* out, size_t n4, int ntail) {
    float a = 0.f, b = 0.f;
    size_t st = (size_t)gridDim.x * blockDim.x;
    size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
    for (; i + st < n4; i += 2 * st) {
        float4 u = __ldcs(x + i), v = __ldcs(x + i + st);
        a += (u.x + u.y) + (u.z + u.w);
        b += (v.x + v.y) + (v.z + v.w);
    }
    if (i < n4) { float4 u = x[i]; a += (u.x + u.y) + (u.z + u.w); }
    if (blockIdx.x == 0 && threadIdx.x < ntail) b += tail[threadIdx.x];
    __shared__ float s[16];
    float v = warp_sum(a + b);
    if ((threadIdx.x & 31) == 0) s[threadIdx.x >> 5] = v;
    __syncthreads();
    if (threadIdx.x < 32) {
        v = warp_sum(threadIdx.x < 16 ? s[threadIdx.x] : 0.f);
        if (threadIdx.x == 0) atomicAdd(out, v);
    }
}

torch::Tensor vsum(torch::Tensor x) {
    auto out = torch::zeros({1}, x.options());
    size_t n = x.numel(), n4 = n / 4;
    sum_all<<<132 * 4, 512, 0, c10::cuda::getCurrentCUDAStream()>>>(
        (const float4*)x.data_ptr<float>(), x.data_ptr<float>() + n4 * 4, out.data_ptr<float>(), n4, n % 4);
    return out;
}
"""
m = load_inline(name="vsum_atomic", cpp_sources="torch::Tensor vsum(torch::Tensor x);", cuda_sources=source,
                functions=["vsum"], extra_cuda_cflags=["-O3"])


def custom_kernel(data: input_t) -> output_t:
    x, _ = data if isinstance(data, tuple) else (data, None)
    return m.vsum(x.contiguous())[0]
