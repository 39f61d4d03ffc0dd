import math

import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

TAPS = 63


def _window():
    w = [0.5 - 0.5 * math.cos(2.0 * math.pi * i / (TAPS - 1)) for i in range(TAPS)]
    total = sum(w)
    return ", ".join(f"{v / total:.9g}f" for v in w)


cuda_src = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#define TAPS %d
__constant__ float window[TAPS] = { %s };

__global__ void smooth(const float* __restrict__ x, float* __restrict__ y, int L) {
    extern __shared__ float line[];
    const float* xr = x + (size_t)blockIdx.y * L;
    int first = blockIdx.x * blockDim.x - TAPS / 2;
    for (int i = threadIdx.x; i < blockDim.x + TAPS - 1; i += blockDim.x) {
        int p = first + i;
        line[i] = (p >= 0 && p < L) ? xr[p] : 0.f;
    }
    __syncthreads();
    int t = blockIdx.x * blockDim.x + threadIdx.x;
    if (t >= L) return;
    float s = 0.f;
    #pragma unroll
    for (int k = 0; k < TAPS; ++k) s += window[k] * line[threadIdx.x + k];
    y[(size_t)blockIdx.y * L + t] = s;
}

torch::Tensor run(torch::Tensor x) {
    auto y = torch::empty_like(x);
    int L = x.size(1);
    smooth<<<dim3((L + 255) / 256, x.size(0)), 256, (256 + TAPS - 1) * sizeof(float),
             at::cuda::getCurrentCUDAStream()>>>(x.data_ptr<float>(), y.data_ptr<float>(), L);
    return y;
}
""" % (TAPS, _window())

ext = load_inline(
    name="hann_smooth63",
    cpp_sources="torch::Tensor run(torch::Tensor x);",
    cuda_sources=cuda_src,
    functions=["run"],
)


class ModelNew(nn.Module):
    """Zero-padded smoothing of (batch, length) with the fixed normalised 63-tap Hann window of the problem."""

    def __init__(self):
        super().__init__()

    def forward(self, x):
        return ext.run(x.contiguous())
