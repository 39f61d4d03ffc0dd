import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

cuda_src = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>

__global__ void min_tanh2(const float* __restrict__ x, float* __restrict__ y, int C, int HW, long total) {
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i >= total) return;
    long b = i / HW, p = i % HW;
    const float* xp = x + b * (long)C * HW + p;
    float m = xp[0];
    for (int c = 1; c < C; ++c) {
        float v = xp[(long)c * HW];
        m = (v < m || isnan(v)) ? v : m;
    }
    y[i] = tanhf(tanhf(m));
}

torch::Tensor tail(torch::Tensor x) {
    int B = x.size(0), C = x.size(1), H = x.size(2), W = x.size(3);
    auto y = torch::empty({B, 1, H, W}, x.options());
    long total = (long)B * H * W;
    if (total == 0) return y;
    min_tanh2<<<(total + 255) / 256, 256, 0, at::cuda::getCurrentCUDAStream()>>>(
        x.data_ptr<float>(), y.data_ptr<float>(), C, H * W, total);
    return y;
}
"""

_tail = load_inline(
    name="min_tanh_tail",
    cpp_sources="torch::Tensor tail(torch::Tensor x);",
    cuda_sources=cuda_src,
    functions=["tail"],
    extra_cuda_cflags=["-O3"],
)


class ModelNew(nn.Module):
    """Convolution by cuDNN; channel minimum and the two tanh are fused into one pass."""

    def __init__(self, in_channels, out_channels, kernel_size):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size)

    def forward(self, x):
        return _tail.tail(self.conv(x).contiguous())
