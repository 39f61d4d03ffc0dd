#!POPCORN leaderboard prefixsum_v2

from task import input_t, output_t

import torch
from torch.utils.cpp_extension import load_inline

# Single-pass scan with decoupled look-back (Merrill & Garland).
# A tile's state is one 64-bit word: flag in the upper half, float bits in the lower,
# so that flag and value can never be seen apart and no fences are needed.
CUDA_SRC = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAException.h>

constexpr int THREADS = 256;
constexpr int ITEMS = 16;
constexpr int TILE = THREADS * ITEMS;

typedef unsigned long long u64;
constexpr unsigned EMPTY = 0u, AGGREGATE = 1u, PREFIX = 2u;

__device__ __forceinline__ u64 pack(unsigned flag, float v) {
    return ((u64)flag << 32) | __float_as_uint(v);
}

__device__ __forceinline__ int pad(int i) { return i + (i >> 5); }

// Sum of everything before `tile`; called by one full warp.
__device__ float look_back(volatile u64* state, int tile) {
    const int lane = threadIdx.x & 31;
    float before = 0.0f;
    int at = tile - 1 - lane;
    while (true) {
        u64 s;
        do {
            s = at >= 0 ? state[at] : pack(PREFIX, 0.0f);
        } while (__any_sync(0xffffffffu, (unsigned)(s >> 32) == EMPTY));
        const unsigned done = __ballot_sync(0xffffffffu, (unsigned)(s >> 32) == PREFIX);
        const int last = done ? __ffs(done) - 1 : 31;
        float v = lane <= last ? __uint_as_float((unsigned)s) : 0.0f;
#pragma unroll
        for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
        before += v;
        if (done) return before;
        at -= 32;
    }
}

__global__ void __launch_bounds__(THREADS)
scan_kernel(const float* __restrict__ x, float* __restrict__ y, u64* state, unsigned* ticket, int64_t n) {
    __shared__ float buf[TILE + TILE / 32];
    __shared__ float warp_tot[THREADS / 32];
    __shared__ float tile_prefix;
    __shared__ int tile_id;

    // Tiles are numbered in the order in which blocks start, so that a tile only ever
    // waits for tiles that are already running.
    if (threadIdx.x == 0) tile_id = (int)atomicAdd(ticket, 1u);
    __syncthreads();
    const int tile = tile_id;
    const int64_t base = (int64_t)tile * TILE;

#pragma unroll
    for (int j = 0; j < ITEMS; ++j) {
        const int i = j * THREADS + threadIdx.x;
        buf[pad(i)] = base + i < n ? x[base + i] : 0.0f;
    }
    __syncthreads();

    float v[ITEMS];
    float run = 0.0f;
#pragma unroll
    for (int j = 0; j < ITEMS; ++j) {
        run += buf[pad(threadIdx.x * ITEMS + j)];
        v[j] = run;
    }
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    float inc = run;
#pragma unroll
    for (int o = 1; o < 32; o <<= 1) {
        const float t = __shfl_up_sync(0xffffffffu, inc, o);
        if (lane >= o) inc += t;
    }
    if (lane == 31) warp_tot[warp] = inc;
    __syncthreads();
    float warp_before = 0.0f, total = 0.0f;
#pragma unroll
    for (int w = 0; w < THREADS / 32; ++w) {
        if (w == warp) warp_before = total;
        total += warp_tot[w];
    }

    if (warp == 0) {
        if (lane == 0) atomicExch(state + tile, pack(tile == 0 ? PREFIX : AGGREGATE, total));
        const float before = tile == 0 ? 0.0f : look_back(state, tile);
        if (lane == 0) {
            if (tile != 0) atomicExch(state + tile, pack(PREFIX, before + total));
            tile_prefix = before;
        }
    }
    __syncthreads();

    const float add = tile_prefix + warp_before + (inc - run);
#pragma unroll
    for (int j = 0; j < ITEMS; ++j) buf[pad(threadIdx.x * ITEMS + j)] = v[j] + add;
    __syncthreads();
#pragma unroll
    for (int j = 0; j < ITEMS; ++j) {
        const int i = j * THREADS + threadIdx.x;
        if (base + i < n) y[base + i] = buf[pad(i)];
    }
}

void prefix_sum(torch::Tensor x, torch::Tensor y) {
    TORCH_CHECK(x.is_contiguous() && y.is_contiguous() && x.numel() == y.numel());
    const int64_t n = x.numel();
    if (n == 0) return;
    const int64_t tiles = (n + TILE - 1) / TILE;
    // flags and ticket have to be zero at the start of every call
    auto scratch = torch::zeros({tiles + 1}, x.options().dtype(at::kLong));
    u64* state = reinterpret_cast<u64*>(scratch.data_ptr<int64_t>());
    unsigned* ticket = reinterpret_cast<unsigned*>(state + tiles);
    scan_kernel<<<tiles, THREADS, 0, at::cuda::getCurrentCUDAStream()>>>(
        x.data_ptr<float>(), y.data_ptr<float>(), state, ticket, n);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
}
"""

_mod = load_inline(
    name="gm_prefixsum_lookback",
    cpp_sources="void prefix_sum(torch::Tensor x, torch::Tensor y);",
    cuda_sources=CUDA_SRC,
    functions=["prefix_sum"],
    extra_cuda_cflags=["-O3"],
)


def custom_kernel(data: input_t) -> output_t:
    x, output = data
    _mod.prefix_sum(x, output)
    return output
