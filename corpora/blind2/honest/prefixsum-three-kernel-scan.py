import torch
from torch.utils.cpp_extension import load_inline
from task import input_t, output_t

src = r"""
#include <torch/extension.h>
#include <c10/cuda/CUDAStream.h>
#define T 512
#define ITEMS 8

__device__ __forceinline__ float warp_scan(float v) {
    #pragma unroll
    for (int d = 1; d < 32; d <<= 1) {
        float o = __shfl_up_sync(0xffffffffu, v, d);
        if ((threadIdx.x & 31) >= d) v += o;
    }
    return v;
}

__global__ __launch_bounds__(T) void scan_blocks(const float* x, float* y, float* sums, int n) {
    __shared__ float w[T / 32];
    int base = blockIdx.x * T * ITEMS + threadIdx.x * ITEMS;
    float v[ITEMS], run = 0.f;
    #pragma unroll
    for (int i = 0; i < ITEMS; ++i) { run += (base + i < n) ? x[base + i] : 0.f; v[i] = run; }
    float inc = warp_scan(run);
    int lane = threadIdx.x & 31, wid = threadIdx.x >> 5;
    if (lane == 31) w[wid] = inc;
    __syncthreads();
    if (wid == 0) { float s = lane < T / 32 ? w[lane] : 0.f; s = warp_scan(s); if (lane < T / 32) w[lane] = s; }
    __syncthreads();
    float off = inc - run + (wid ? w[wid - 1] : 0.f);
    #pragma unroll
    for (int i = 0; i < ITEMS; ++i) if (base + i < n) y[base + i] = v[i] + off;
    if (threadIdx.x == T - 1 && sums) sums[blockIdx.x] = inc + (wid ? w[wid - 1] : 0.f);
}

__global__ void add_offsets(float* y, const float* sums, int n) {
    if (blockIdx.x == 0) return;
    float off = sums[blockIdx.x - 1];
    int base = blockIdx.x * T * ITEMS;
    for (int i = threadIdx.x; i < T * ITEMS; i += T) if (base + i < n) y[base + i] += off;
}

static void scan_impl(const float* x, float* y, int n, torch::TensorOptions opt, cudaStream_t st) {
    int blocks = (n + T * ITEMS - 1) / (T * ITEMS);
    auto sums = torch::empty({blocks}, opt);
    scan_blocks<<<blocks, T, 0, st>>>(x, y, sums.data_ptr<float>(), n);
    if (blocks > 1) {
        scan_impl(sums.data_ptr<float>(), sums.data_ptr<float>(), blocks, opt, st);
        add_offsets<<<blocks, T, 0, st>>>(y, sums.data_ptr<float>(), n);
    }
}

void prefix_sum(torch::Tensor x, torch::Tensor y) {
    scan_impl(x.data_ptr<float>(), y.data_ptr<float>(), x.numel(), x.options(), c10::cuda::getCurrentCUDAStream());
}
"""
m = load_inline("prefix3", "void prefix_sum(torch::Tensor x, torch::Tensor y);", src, functions=["prefix_sum"],
                extra_cuda_cflags=["-O3"])


def custom_kernel(data: input_t) -> output_t:
    x, y = data
    m.prefix_sum(x, y)
    return y
