import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

_SRC = r"""
#include <torch/extension.h>
#include <c10/cuda/CUDAStream.h>

struct WF { float mean, m2, n; };

__device__ WF merge(WF a, WF b) {
    float n = a.n + b.n;
    if (n == 0.f) return {0.f, 0.f, 0.f};
    float d = b.mean - a.mean;
    return {a.mean + d * b.n / n, a.m2 + b.m2 + d * d * a.n * b.n / n, n};
}

__global__ void ln(const float* x, const float* g, const float* b, float* y, int D, float eps) {
    const float* row = x + (size_t)blockIdx.x * D;
    WF w{0.f, 0.f, 0.f};
    for (int i = threadIdx.x; i < D; i += blockDim.x) {
        float v = row[i];
        w.n += 1.f; float d = v - w.mean; w.mean += d / w.n; w.m2 += d * (v - w.mean);
    }
    for (int o = 16; o; o >>= 1) {
        WF q{__shfl_xor_sync(~0u, w.mean, o), __shfl_xor_sync(~0u, w.m2, o), __shfl_xor_sync(~0u, w.n, o)};
        w = merge(w, q);
    }
    __shared__ WF part[32];
    if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = w;
    __syncthreads();
    if (threadIdx.x == 0) {
        WF t = part[0];
        for (int i = 1; i < blockDim.x / 32; ++i) t = merge(t, part[i]);
        part[0] = t;
    }
    __syncthreads();
    __syncthreads();
    float mu = part[0].mean, rs = rsqrtf(part[0].m2 / D + eps);
    for (int i = threadIdx.x; i < D; i += blockDim.x)
        y[(size_t)blockIdx.x * D + i] = (row[i] - mu) * rs * g[i] + b[i];
}

torch::Tensor layer_norm(torch::Tensor x, torch::Tensor g, torch::Tensor b, double eps) {
    int D = g.numel();
    auto y = torch::empty_like(x);
    ln<<<x.numel() / D, 512, 0, c10::cuda::getCurrentCUDAStream()>>>(
        x.data_ptr<float>(), g.data_ptr<float>(), b.data_ptr<float>(), y.data_ptr<float>(), D, eps);
    return y;
}
"""
_ext = load_inline(
    "ln_welford",
    "torch::Tensor layer_norm(torch::Tensor x, torch::Tensor g, torch::Tensor b, double eps);",
    _SRC,
    functions=["layer_norm"],
)


class ModelNew(nn.Module):
    def __init__(self, normalized_shape: tuple):
        super().__init__()
        self.ln = nn.LayerNorm(normalized_shape=normalized_shape)

    def forward(self, x):
        return _ext.layer_norm(x.contiguous(), self.ln.weight.view(-1), self.ln.bias.view(-1), self.ln.eps)


def get_inputs():
    return [torch.randn(16, 64, 256, 256)]


def get_init_inputs():
    return [(64, 256, 256)]
