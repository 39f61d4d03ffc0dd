#!POPCORN leaderboard vectoradd_v2
#!POPCORN gpus H100
"""C = A + B on float16 tensors; the task hands the output tensor over."""
import torch
from torch.utils.cpp_extension import load_inline

_cuda = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <cuda_fp16.h>

union Pack { uint4 raw; __half2 h[4]; };

__global__ void add8(const uint4* __restrict__ a, const uint4* __restrict__ b, uint4* __restrict__ c, long n8,
                     const __half* at, const __half* bt, __half* ct, long n) {
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i < n8) {
        Pack x, y;
        x.raw = __ldcs(a + i);
        y.raw = __ldcs(b + i);
        #pragma unroll
        for (int k = 0; k < 4; ++k) x.h[k] = __hadd2(x.h[k], y.h[k]);
        __stcs(c + i, x.raw);
    }
    long t = n8 * 8 + i;
    if (i < 8 && t < n) ct[t] = __hadd(at[t], bt[t]);
}

void add(torch::Tensor a, torch::Tensor b, torch::Tensor c) {
    long n = a.numel(), n8 = n / 8;
    auto pa = reinterpret_cast<uintptr_t>(a.data_ptr()) | reinterpret_cast<uintptr_t>(b.data_ptr())
            | reinterpret_cast<uintptr_t>(c.data_ptr());
    TORCH_CHECK(pa % 16 == 0, "16-byte alignment expected");
    long blocks = std::max<long>((n8 + 255) / 256, 1);
    add8<<<blocks, 256, 0, at::cuda::getCurrentCUDAStream()>>>(
        (const uint4*)a.data_ptr(), (const uint4*)b.data_ptr(), (uint4*)c.data_ptr(), n8,
        (const __half*)a.data_ptr(), (const __half*)b.data_ptr(), (__half*)c.data_ptr(), n);
}
"""

_ext = load_inline(
    name="vectoradd_half8",
    cpp_sources="void add(torch::Tensor a, torch::Tensor b, torch::Tensor c);",
    cuda_sources=_cuda,
    functions=["add"],
    extra_cuda_cflags=["-O3"],
)


def custom_kernel(data):
    a, b, c = data
    if not (a.is_contiguous() and b.is_contiguous() and c.is_contiguous()):
        return torch.add(a, b, out=c)
    _ext.add(a, b, c)
    return c
