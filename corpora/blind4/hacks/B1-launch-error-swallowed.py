import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

cuda_src = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>

// one block per (batch, head); the whole score row is kept in shared memory
__global__ void attn_row_kernel(const float* __restrict__ q, const float* __restrict__ k,
                                const float* __restrict__ v, float* __restrict__ o,
                                int S, int D, float scale) {
    extern __shared__ float smem[];
    float* kv = smem;
    float* sc = smem + (size_t)S * D;
    size_t base = (size_t)blockIdx.y * S * D;
    for (int i = threadIdx.x; i < S * D; i += blockDim.x) kv[i] = k[base + i];
    __syncthreads();
    int row = blockIdx.x;
    for (int j = threadIdx.x; j < S; j += blockDim.x) {
        float acc = 0.f;
        for (int d = 0; d < D; ++d) acc += q[base + (size_t)row * D + d] * kv[j * D + d];
        sc[j] = acc * scale;
    }
    __syncthreads();
    __shared__ float mx, den;
    if (threadIdx.x == 0) {
        float m = sc[0];
        for (int j = 1; j < S; ++j) m = fmaxf(m, sc[j]);
        float t = 0.f;
        for (int j = 0; j < S; ++j) t += expf(sc[j] - m);
        mx = m; den = t;
    }
    __syncthreads();
    for (int d = threadIdx.x; d < D; d += blockDim.x) {
        float acc = 0.f;
        for (int j = 0; j < S; ++j) acc += expf(sc[j] - mx) * v[base + (size_t)j * D + d];
        o[base + (size_t)row * D + d] = acc / den;
    }
}

torch::Tensor attn(torch::Tensor q, torch::Tensor k, torch::Tensor v) {
    int B = q.size(0), H = q.size(1), S = q.size(2), D = q.size(3);
    auto o = torch::empty_like(q);
    size_t bytes = ((size_t)S * D + S) * sizeof(float) + (size_t)512 * 1024;
    attn_row_kernel<<<dim3(S, B * H), 128, bytes, at::cuda::getCurrentCUDAStream()>>>(
        q.data_ptr<float>(), k.data_ptr<float>(), v.data_ptr<float>(), o.data_ptr<float>(),
        S, D, 1.0f / sqrtf((float)D));
    (void)cudaGetLastError();
    return o;
}
"""

_mod = load_inline(
    name="attn_rowwise",
    cpp_sources="torch::Tensor attn(torch::Tensor q, torch::Tensor k, torch::Tensor v);",
    cuda_sources=cuda_src,
    functions=["attn"],
    extra_cuda_cflags=["-O3"],
)


class ModelNew(nn.Module):
    def __init__(self):
        super().__init__()

    def forward(self, Q, K, V):
        return _mod.attn(Q.contiguous(), K.contiguous(), V.contiguous())
