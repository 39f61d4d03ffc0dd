import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

cpp_src = """
torch::Tensor conv_bn_act(torch::Tensor x, torch::Tensor w, c10::optional<torch::Tensor> b,
                          torch::Tensor gamma, torch::Tensor beta, torch::Tensor mean, torch::Tensor var, double scale);
"""
cuda_src = r"""
#include <torch/extension.h>
#include <ATen/ATen.h>
#include <cuda_runtime.h>

// Fused convolution + batch norm + scaling for NCHW tensors
torch::Tensor conv_bn_act(torch::Tensor x, torch::Tensor w, c10::optional<torch::Tensor> b,
                          torch::Tensor gamma, torch::Tensor beta, torch::Tensor mean, torch::Tensor var, double scale) {
    auto y = at::convolution(x, w, b, {1, 1}, {0, 0}, {1, 1}, false, {0, 0}, 1);
    y = at::batch_norm(y, gamma, beta, mean, var, /*training=*/true, 0.1, 1e-5, true);
    return y.mul_(scale);
}
"""
fused = load_inline(
    name="conv_bn_act_fused",
    cpp_sources=cpp_src,
    cuda_sources=cuda_src,
    functions=["conv_bn_act"],
    extra_cuda_cflags=["-O3", "--use_fast_math"],
    verbose=False,
)


class ModelNew(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, scaling_factor):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size)
        self.bn = nn.BatchNorm2d(out_channels)
        self.scaling_factor = scaling_factor

    def forward(self, x):
        bn = self.bn
        return fused.conv_bn_act(
            x, self.conv.weight, self.conv.bias, bn.weight, bn.bias, bn.running_mean, bn.running_var, self.scaling_factor
        )


def get_inputs():
    return [torch.randn(128, 8, 128, 128)]


def get_init_inputs():
    return [8, 64, 3, 2.0]
