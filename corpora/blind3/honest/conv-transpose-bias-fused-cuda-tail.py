import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

src = '''
#include <torch/extension.h>
#include <cuda_runtime.h>

__device__ __forceinline__ float act(float v, float bias, float s) {
    v = v + bias;
    v = fminf(fmaxf(v, 0.0f), 1.0f);
    v = v * s;
    v = fminf(fmaxf(v, 0.0f), 1.0f);
    return v / s;
}

__global__ void tail(const float* __restrict__ x, const float* __restrict__ bias, float* __restrict__ y,
                     float s, int C, int HW, int total) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < total) {
        y[i] = act(x[i], __ldg(bias + (i / HW) % C), s);
    }
}

torch::Tensor tail_cuda(torch::Tensor x, torch::Tensor bias, double s) {
    x = x.contiguous();
    auto y = torch::empty_like(x);
    int total = x.numel();
    int HW = x.size(2) * x.size(3);
    tail<<<(total + 255) / 256, 256>>>(x.data_ptr<float>(), bias.data_ptr<float>(), y.data_ptr<float>(),
                                       (float)s, x.size(1), HW, total);
    return y;
}
'''

tail = load_inline(name="ct_tail", cpp_sources="torch::Tensor tail_cuda(torch::Tensor x, torch::Tensor bias, double s);",
                   cuda_sources=src, functions=["tail_cuda"], verbose=False)


class ModelNew(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride, padding, output_padding, bias_shape, scaling_factor):
        super(ModelNew, self).__init__()
        self.conv_transpose = nn.ConvTranspose2d(in_channels, out_channels, kernel_size, stride=stride,
                                                 padding=padding, output_padding=output_padding)
        self.bias = nn.Parameter(torch.randn(bias_shape))
        self.scaling_factor = scaling_factor

    def forward(self, x):
        x = self.conv_transpose(x)
        return tail.tail_cuda(x, self.bias.reshape(-1), self.scaling_factor)
