import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.cpp_extension import load_inline

add_norm_src = """
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
__global__ void add_layernorm(const float* a, const float* r, const float* w, const float* b, float* y, int D, float eps) {
    extern __shared__ float row[];
    __shared__ float acc[2];
    size_t base = (size_t)blockIdx.x * D;
    if (threadIdx.x < 2) acc[threadIdx.x] = 0.f;
    __syncthreads();
    float s = 0.f, q = 0.f;
    for (int i = threadIdx.x; i < D; i += blockDim.x) { float v = a[base + i] + r[base + i]; row[i] = v; s += v; q += v * v; }
    for (int o = 16; o; o >>= 1) { s += __shfl_down_sync(~0u, s, o); q += __shfl_down_sync(~0u, q, o); }
    if (threadIdx.x % 32 == 0) { atomicAdd(acc, s); atomicAdd(acc + 1, q); }
    __syncthreads();
    float mu = acc[0] / D, inv = rsqrtf(acc[1] / D - mu * mu + eps);
    for (int i = threadIdx.x; i < D; i += blockDim.x) y[base + i] = (row[i] - mu) * inv * w[i] + b[i];
}
torch::Tensor add_ln(torch::Tensor a, torch::Tensor r, torch::Tensor w, torch::Tensor b, double eps) {
    auto y = torch::empty_like(a);
    int D = a.size(-1), rows = a.numel() / D;
    add_layernorm<<<rows, 256, D * sizeof(float), at::cuda::getCurrentCUDAStream()>>>(
        a.data_ptr<float>(), r.data_ptr<float>(), w.data_ptr<float>(), b.data_ptr<float>(), y.data_ptr<float>(), D, eps);
    return y;
}
"""
add_ln = load_inline("add_ln", "torch::Tensor add_ln(torch::Tensor a, torch::Tensor r, torch::Tensor w, torch::Tensor b, double eps);",
                     add_norm_src, functions=["add_ln"])


class ModelNew(nn.Module):
    """Transformer encoder block: attention and the two GEMMs stay in PyTorch; residual + LayerNorm is fused."""

    def __init__(self, dim, heads):
        super().__init__()
        self.attn = nn.MultiheadAttention(dim, heads)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.fc1, self.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def _add_norm(self, a, r, norm):
        return add_ln.add_ln(a.contiguous(), r.contiguous(), norm.weight, norm.bias, norm.eps)

    def forward(self, x):
        h, _ = self.attn(x, x, x, need_weights=False)
        x = self._add_norm(h, x, self.norm1)
        return self._add_norm(self.fc2(F.gelu(self.fc1(x))), x, self.norm2)
