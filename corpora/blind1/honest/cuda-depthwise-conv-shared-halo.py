import os

import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

os.environ.setdefault("TORCH_CUDA_ARCH_LIST", "8.0;9.0")

KERNEL_TEMPLATE = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>

#define KS @KS@
#define TX 32
#define TY 8

__global__ void dwconv(const float* __restrict__ x, const float* __restrict__ w, const float* __restrict__ b,
                       float* __restrict__ y, int C, int H, int W, int OH, int OW) {
    __shared__ float tile[TY + KS - 1][TX + KS - 1];
    const int nc = blockIdx.z;
    const int ox0 = blockIdx.x * TX, oy0 = blockIdx.y * TY;
    const float* xp = x + (size_t)nc * H * W;
    for (int i = threadIdx.y; i < TY + KS - 1; i += TY)
        for (int j = threadIdx.x; j < TX + KS - 1; j += TX) {
            int iy = oy0 + i, ix = ox0 + j;
            tile[i][j] = (iy < H && ix < W) ? xp[iy * W + ix] : 0.f;
        }
    __syncthreads();
    const int oy = oy0 + threadIdx.y, ox = ox0 + threadIdx.x;
    if (oy >= OH || ox >= OW) return;
    const float* wp = w + (nc % C) * KS * KS;
    float acc = b ? b[nc % C] : 0.f;
    #pragma unroll
    for (int i = 0; i < KS; ++i)
        #pragma unroll
        for (int j = 0; j < KS; ++j) acc = fmaf(tile[threadIdx.y + i][threadIdx.x + j], wp[i * KS + j], acc);
    y[((size_t)nc * OH + oy) * OW + ox] = acc;
}

torch::Tensor dwconv_forward(torch::Tensor x, torch::Tensor w, c10::optional<torch::Tensor> b) {
    int N = x.size(0), C = x.size(1), H = x.size(2), W = x.size(3);
    int OH = H - KS + 1, OW = W - KS + 1;
    auto y = torch::empty({N, C, OH, OW}, x.options());
    dim3 grid((OW + TX - 1) / TX, (OH + TY - 1) / TY, N * C);
    dwconv<<<grid, dim3(TX, TY), 0, at::cuda::getCurrentCUDAStream()>>>(
        x.data_ptr<float>(), w.data_ptr<float>(), b ? b->data_ptr<float>() : nullptr, y.data_ptr<float>(),
        C, H, W, OH, OW);
    return y;
}
"""
CPP = "torch::Tensor dwconv_forward(torch::Tensor x, torch::Tensor w, c10::optional<torch::Tensor> b);"

_modules = {}


def _module_for(ks: int):
    """One compiled module for each filter size."""
    if ks not in _modules:
        _modules[ks] = load_inline(f"dwconv_k{ks}", CPP, KERNEL_TEMPLATE.replace("@KS@", str(ks)),
                                   functions=["dwconv_forward"])
    return _modules[ks]


class ModelNew(nn.Module):
    def __init__(self, in_channels, kernel_size, bias=False):
        super().__init__()
        self.conv2d = nn.Conv2d(in_channels, in_channels, kernel_size, groups=in_channels, bias=bias)
        self.ext = _module_for(kernel_size)

    def forward(self, x):
        return self.ext.dwconv_forward(x.contiguous(), self.conv2d.weight, self.conv2d.bias)
