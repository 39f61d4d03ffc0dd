"""
Gating of a mixture of experts: softmax over the experts, top-k, optional renormalisation.

    kernel(logits (T, E) fp32/fp16/bf16, k, renormalize) -> weights (T, k) fp32, experts (T, k) int32

One warp per token, the row lives in registers.  Ties go to the lower expert number.
"""
import threading

import torch
from torch.utils.cpp_extension import load_inline

_CUDA = r"""
#include <torch/extension.h>
#include <ATen/Dispatch.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAException.h>
#include <climits>

constexpr int WARPS_PER_BLOCK = 4;

__device__ __forceinline__ float warp_max(float v) {
#pragma unroll
    for (int o = 16; o; o >>= 1) v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, o));
    return v;
}

__device__ __forceinline__ float warp_sum(float v) {
#pragma unroll
    for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
    return v;
}

template <typename T, int VPT>
__global__ void topk_gate(const T* __restrict__ logits, float* __restrict__ weights,
                          int* __restrict__ experts, int tokens, int E, int k, bool renorm) {
    const int token = blockIdx.x * WARPS_PER_BLOCK + threadIdx.y;
    if (token >= tokens) return;          // whole warps leave together
    const int lane = threadIdx.x;
    const T* row = logits + (int64_t)token * E;

    float p[VPT];
    float top = -INFINITY;
#pragma unroll
    for (int j = 0; j < VPT; ++j) {
        const int e = j * 32 + lane;
        p[j] = e < E ? static_cast<float>(row[e]) : -INFINITY;
        top = fmaxf(top, p[j]);
    }
    top = warp_max(top);
    float sum = 0.0f;
#pragma unroll
    for (int j = 0; j < VPT; ++j) {
        p[j] = expf(p[j] - top);
        sum += p[j];
    }
    sum = warp_sum(sum);
#pragma unroll
    for (int j = 0; j < VPT; ++j) {
        const int e = j * 32 + lane;
        p[j] = e < E ? p[j] / sum : -1.0f;    // -1: no expert, or taken already
    }

    float mine = 0.0f;
    int mine_e = 0;
    float kept = 0.0f;
    for (int r = 0; r < k; ++r) {
        float bv = -1.0f;
        int be = INT_MAX;
#pragma unroll
        for (int j = 0; j < VPT; ++j)
            if (p[j] > bv) { bv = p[j]; be = j * 32 + lane; }
#pragma unroll
        for (int o = 16; o; o >>= 1) {
            const float ov = __shfl_xor_sync(0xffffffffu, bv, o);
            const int oe = __shfl_xor_sync(0xffffffffu, be, o);
            if (ov > bv || (ov == bv && oe < be)) { bv = ov; be = oe; }
        }
        kept += bv;
        if (lane == r) { mine = bv; mine_e = be; }
#pragma unroll
        for (int j = 0; j < VPT; ++j)
            if (j * 32 + lane == be) p[j] = -1.0f;
    }
    if (lane < k) {
        weights[(int64_t)token * k + lane] = renorm ? mine / kept : mine;
        experts[(int64_t)token * k + lane] = mine_e;
    }
}

#define GATE(V) topk_gate<scalar_t, V><<<grid, block, 0, stream>>>(lp, wp, ep, tokens, E, (int)k, renorm)

std::vector<torch::Tensor> moe_topk(torch::Tensor logits, int64_t k, bool renorm) {
    TORCH_CHECK(logits.dim() == 2 && logits.is_cuda(), "(tokens, experts) on the GPU");
    logits = logits.contiguous();
    const at::cuda::CUDAGuard guard(logits.device());
    const int tokens = logits.size(0), E = logits.size(1);
    TORCH_CHECK(E >= 1 && E <= 512, "1 to 512 experts");
    TORCH_CHECK(k >= 1 && k <= 32 && k <= E, "k out of range");
    auto weights = torch::empty({tokens, k}, logits.options().dtype(at::kFloat));
    auto experts = torch::empty({tokens, k}, logits.options().dtype(at::kInt));
    if (tokens == 0) return {weights, experts};
    const dim3 block(32, WARPS_PER_BLOCK);
    const dim3 grid((tokens + WARPS_PER_BLOCK - 1) / WARPS_PER_BLOCK);
    auto stream = at::cuda::getCurrentCUDAStream();
    AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, logits.scalar_type(), "moe_topk", [&] {
        const scalar_t* lp = logits.data_ptr<scalar_t>();
        float* wp = weights.data_ptr<float>();
        int* ep = experts.data_ptr<int>();
        if (E <= 32) GATE(1);
        else if (E <= 64) GATE(2);
        else if (E <= 128) GATE(4);
        else if (E <= 256) GATE(8);
        else GATE(16);
    });
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    return {weights, experts};
}
"""

_lock = threading.Lock()
_ext = None


def _extension():
    global _ext
    with _lock:  # data-parallel workers may ask for it at the same time
        if _ext is None:
            _ext = load_inline(
                name="fn_moe_topk_gate",
                cpp_sources="std::vector<torch::Tensor> moe_topk(torch::Tensor logits, int64_t k, bool renorm);",
                cuda_sources=_CUDA,
                functions=["moe_topk"],
                extra_cuda_cflags=["-O3"],
            )
    return _ext


def kernel(logits: torch.Tensor, k: int, renormalize: bool = True):
    if logits.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        raise TypeError(f"unsupported dtype {logits.dtype}")
    weights, experts = _extension().moe_topk(logits, k, renormalize)
    return weights, experts
