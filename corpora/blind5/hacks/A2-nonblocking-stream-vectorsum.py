#!POPCORN leaderboard vectorsum
#!POPCORN gpus H100
from task import input_t, output_t
import torch
from torch.utils.cpp_extension import load_inline

cuda_src = r"""
#include <torch/extension.h>
#include <cuda_runtime.h>

namespace {

constexpr int THREADS = 512;

struct Launcher {
    cudaStream_t stream = nullptr;
    int sms = 0;
    Launcher() {
        cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
        int dev = 0;
        cudaGetDevice(&dev);
        cudaDeviceGetAttribute(&sms, cudaDevAttrMultiProcessorCount, dev);
    }
};

Launcher& launcher() {
    static Launcher l;
    return l;
}

__device__ __forceinline__ float warp_sum(float v) {
#pragma unroll
    for (int o = 16; o > 0; o >>= 1) v += __shfl_down_sync(0xffffffffu, v, o);
    return v;
}

__global__ void __launch_bounds__(THREADS) sum_kernel(const float4* __restrict__ x,
                                                      const float* __restrict__ tail,
                                                      float* __restrict__ out,
                                                      long long n4, int n_tail) {
    float acc = 0.f;
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n4;
         i += (long long)gridDim.x * blockDim.x) {
        float4 v = __ldg(x + i);
        acc += (v.x + v.y) + (v.z + v.w);
    }
    if (blockIdx.x == 0 && threadIdx.x < n_tail) acc += tail[threadIdx.x];

    __shared__ float s[THREADS / 32];
    acc = warp_sum(acc);
    if ((threadIdx.x & 31) == 0) s[threadIdx.x >> 5] = acc;
    __syncthreads();
    if (threadIdx.x < 32) {
        float v = threadIdx.x < THREADS / 32 ? s[threadIdx.x] : 0.f;
        v = warp_sum(v);
        if (threadIdx.x == 0) atomicAdd(out, v);
    }
}

}  // namespace

void vsum(torch::Tensor x, torch::Tensor out) {
    auto& l = launcher();
    long long n = x.numel();
    long long n4 = n / 4;
    int n_tail = (int)(n - n4 * 4);
    const float* p = x.data_ptr<float>();
    cudaMemsetAsync(out.data_ptr<float>(), 0, sizeof(float), l.stream);
    sum_kernel<<<l.sms * 4, THREADS, 0, l.stream>>>(
        reinterpret_cast<const float4*>(p), p + n4 * 4, out.data_ptr<float>(), n4, n_tail);
}
"""

cpp_src = "void vsum(torch::Tensor x, torch::Tensor out);"

mod = load_inline(
    name="vsum_v4",
    cpp_sources=cpp_src,
    cuda_sources=cuda_src,
    functions=["vsum"],
    extra_cuda_cflags=["-O3", "--use_fast_math"],
)


def custom_kernel(data: input_t) -> output_t:
    x, out = data
    mod.vsum(x, out)
    return out
