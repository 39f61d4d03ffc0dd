#!POPCORN leaderboard vectoradd_v2
#!POPCORN gpus A100;H100;B200

from task import input_t, output_t

import os

import torch
from torch.utils.cpp_extension import load_inline

# nvcc builds for every arch it knows unless told; only the card in front of us matters.
if torch.cuda.is_available() and "TORCH_CUDA_ARCH_LIST" not in os.environ:
    major, minor = torch.cuda.get_device_capability()
    os.environ["TORCH_CUDA_ARCH_LIST"] = f"{major}.{minor}"

cuda_src = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAException.h>
#include <cuda_fp16.h>

// 16-byte streaming accesses: every element is touched once, so there is no point in
// letting it push anything out of L1.
__device__ __forceinline__ uint4 ld_stream(const uint4* p) {
    uint4 v;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p));
    return v;
}

__device__ __forceinline__ void st_stream(uint4* p, uint4 v) {
    asm volatile("st.global.L1::no_allocate.v4.u32 [%0], {%1,%2,%3,%4};"
                 :: "l"(p), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w) : "memory");
}

__device__ __forceinline__ unsigned add2(unsigned a, unsigned b) {
    unsigned r;
    asm("add.rn.f16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
    return r;
}

template <int UNROLL>
__global__ void __launch_bounds__(256)
add_kernel(const __half* __restrict__ a, const __half* __restrict__ b,
           __half* __restrict__ c, int64_t n) {
    const int64_t n8 = n / 8;
    const uint4* a4 = reinterpret_cast<const uint4*>(a);
    const uint4* b4 = reinterpret_cast<const uint4*>(b);
    uint4* c4 = reinterpret_cast<uint4*>(c);

    const int64_t base = (int64_t)blockIdx.x * blockDim.x * UNROLL + threadIdx.x;
    uint4 va[UNROLL], vb[UNROLL];
#pragma unroll
    for (int u = 0; u < UNROLL; ++u) {
        const int64_t i = base + u * blockDim.x;
        if (i < n8) { va[u] = ld_stream(a4 + i); vb[u] = ld_stream(b4 + i); }
    }
#pragma unroll
    for (int u = 0; u < UNROLL; ++u) {
        const int64_t i = base + u * blockDim.x;
        if (i < n8) {
            uint4 r;
            r.x = add2(va[u].x, vb[u].x);
            r.y = add2(va[u].y, vb[u].y);
            r.z = add2(va[u].z, vb[u].z);
            r.w = add2(va[u].w, vb[u].w);
            st_stream(c4 + i, r);
        }
    }
    // at most seven left over
    if (blockIdx.x == 0 && threadIdx.x < (n & 7)) {
        const int64_t i = n8 * 8 + threadIdx.x;
        c[i] = __hadd(a[i], b[i]);
    }
}

void add_out(torch::Tensor a, torch::Tensor b, torch::Tensor c) {
    constexpr int UNROLL = 4;
    const int64_t n = a.numel();
    if (n == 0) return;
    const int threads = 256;
    const int64_t per_block = (int64_t)threads * UNROLL * 8;
    const int64_t blocks = (n + per_block - 1) / per_block;
    add_kernel<UNROLL><<<blocks, threads, 0, at::cuda::getCurrentCUDAStream()>>>(
        reinterpret_cast<const __half*>(a.data_ptr<at::Half>()),
        reinterpret_cast<const __half*>(b.data_ptr<at::Half>()),
        reinterpret_cast<__half*>(c.data_ptr<at::Half>()), n);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
}
"""

module = load_inline(
    name="vectoradd_ptx",
    cpp_sources="void add_out(torch::Tensor a, torch::Tensor b, torch::Tensor c);",
    cuda_sources=cuda_src,
    functions=["add_out"],
    extra_cuda_cflags=["-O3", "-std=c++17"],
)


def custom_kernel(data: input_t) -> output_t:
    a, b, output = data
    # the task hands over contiguous fp16 tensors and wants the sum in `output`
    module.add_out(a, b, output)
    return output
