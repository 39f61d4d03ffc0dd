#!POPCORN leaderboard histogram_v2

import torch
from torch.utils.cpp_extension import load_inline
from task import input_t, output_t

_source = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAException.h>
#include <cstdint>

constexpr int BINS = 256;
constexpr int THREADS = 512;
constexpr int COPIES = 8;          // private histograms per block, against bank conflicts

__global__ void __launch_bounds__(THREADS)
hist_blocks(const uint8_t* __restrict__ x, unsigned* __restrict__ part, int64_t n) {
    __shared__ unsigned h[COPIES][BINS + 1];
    unsigned* flat = &h[0][0];
    for (int i = threadIdx.x; i < COPIES * (BINS + 1); i += THREADS) flat[i] = 0;
    __syncthreads();

    unsigned* mine = h[(threadIdx.x >> 2) % COPIES];
    const int64_t tid = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    const int64_t step = (int64_t)gridDim.x * THREADS;

    // bytes before the first 16-byte boundary
    const int64_t head0 = (16 - (reinterpret_cast<uintptr_t>(x) & 15)) & 15;
    const int64_t head = head0 < n ? head0 : n;
    if (tid < head) atomicAdd(mine + x[tid], 1u);

    const int64_t packs = (n - head) / 16;
    const uint4* xp = reinterpret_cast<const uint4*>(x + head);
    for (int64_t i = tid; i < packs; i += step) {
        const uint4 v = __ldg(xp + i);
        const unsigned w[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
        for (int k = 0; k < 4; ++k) {
            atomicAdd(mine + (w[k] & 255u), 1u);
            atomicAdd(mine + ((w[k] >> 8) & 255u), 1u);
            atomicAdd(mine + ((w[k] >> 16) & 255u), 1u);
            atomicAdd(mine + (w[k] >> 24), 1u);
        }
    }
    for (int64_t i = head + packs * 16 + tid; i < n; i += step) atomicAdd(mine + x[i], 1u);
    __syncthreads();

    for (int b = threadIdx.x; b < BINS; b += THREADS) {
        unsigned s = 0;
#pragma unroll
        for (int c = 0; c < COPIES; ++c) s += h[c][b];
        part[(int64_t)blockIdx.x * BINS + b] = s;
    }
}

// one block of 256 threads: a bin each, coalesced over the blocks' partial histograms
__global__ void hist_join(const unsigned* __restrict__ part, int64_t* __restrict__ out, int blocks) {
    int64_t s = 0;
    for (int k = 0; k < blocks; ++k) s += part[(int64_t)k * BINS + threadIdx.x];
    out[threadIdx.x] = s;
}

void histogram(torch::Tensor x, torch::Tensor out) {
    TORCH_CHECK(x.scalar_type() == at::kByte, "uint8 expected");
    TORCH_CHECK(out.scalar_type() == at::kLong && out.numel() == BINS, "256 int64 bins expected");
    TORCH_CHECK(x.is_contiguous() && out.is_contiguous());
    const int64_t n = x.numel();
    auto stream = at::cuda::getCurrentCUDAStream();
    const int sms = at::cuda::getCurrentDeviceProperties()->multiProcessorCount;
    const int64_t want = (n + 16 * THREADS - 1) / (16 * THREADS);
    const int blocks = (int)std::max<int64_t>(1, std::min<int64_t>(want, sms * 4));
    auto part = torch::empty({blocks, BINS}, x.options().dtype(at::kInt));
    unsigned* pp = reinterpret_cast<unsigned*>(part.data_ptr<int>());
    hist_blocks<<<blocks, THREADS, 0, stream>>>(x.data_ptr<uint8_t>(), pp, n);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    hist_join<<<1, BINS, 0, stream>>>(pp, out.data_ptr<int64_t>(), blocks);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
}
"""

hist_module = load_inline(
    name="histogram_privatised",
    cpp_sources=["void histogram(torch::Tensor x, torch::Tensor out);"],
    cuda_sources=[_source],
    functions=["histogram"],
    verbose=False,
)


def custom_kernel(data: input_t) -> output_t:
    """256-bin histogram of a uint8 vector, written to the int64 tensor of the task."""
    x, output = data
    hist_module.histogram(x.contiguous(), output)
    return output
