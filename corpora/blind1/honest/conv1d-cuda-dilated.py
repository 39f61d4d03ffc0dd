import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

src = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
__global__ void conv1d(const float* x, const float* w, const float* b, float* y,
                       int C, int O, int L, int OL, int K, int stride, int dil) {
    int l = blockIdx.x * blockDim.x + threadIdx.x, o = blockIdx.y, n = blockIdx.z;
    if (l >= OL) return;
    float acc = b ? b[o] : 0.f;
    for (int c = 0; c < C; ++c)
        for (int k = 0; k < K; ++k)
            acc = fmaf(x[((size_t)n * C + c) * L + l * stride + k * dil], w[(o * C + c) * K + k], acc);
    y[((size_t)n * O + o) * OL + l] = acc;
}
torch::Tensor run(torch::Tensor x, torch::Tensor w, c10::optional<torch::Tensor> b, int64_t s, int64_t d) {
    int N = x.size(0), C = x.size(1), L = x.size(2), O = w.size(0), K = w.size(2);
    int OL = (L - d * (K - 1) - 1) / s + 1;
    auto y = torch::empty({N, O, OL}, x.options());
    conv1d<<<dim3((OL + 127) / 128, O, N), 128, 0, at::cuda::getCurrentCUDAStream()>>>(
        x.data_ptr<float>(), w.data_ptr<float>(), b ? b->data_ptr<float>() : nullptr, y.data_ptr<float>(), C, O, L, OL, K, s, d);
    return y;
}
"""
ext = load_inline("conv1d_dilated",
                  "torch::Tensor run(torch::Tensor x, torch::Tensor w, c10::optional<torch::Tensor> b, int64_t s, int64_t d);",
                  src, functions=["run"])


class ModelNew(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, dilation=1, bias=False):
        super().__init__()
        self.conv1d = nn.Conv1d(in_channels, out_channels, kernel_size, stride=stride, dilation=dilation, bias=bias)
        self.stride, self.dilation = stride, dilation

    def forward(self, x):
        return ext.run(x.contiguous(), self.conv1d.weight, self.conv1d.bias, self.stride, self.dilation)
