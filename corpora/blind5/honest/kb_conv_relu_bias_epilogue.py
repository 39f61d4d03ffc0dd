"""
KernelBench level 2, problem 1: Conv2d -> ReLU -> + bias.

The convolution stays with cuDNN.  ReLU and the bias add are fused into one pass
over the convolution's own output, which nobody else holds, so the pass is done
in place.
"""
import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

_cpp = "torch::Tensor relu_bias_(torch::Tensor x, torch::Tensor bias);"

_cuda = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAException.h>

__device__ __forceinline__ float act(float v, float b) {
    // NaN must survive, as with torch.relu
    return (v < 0.0f ? 0.0f : v) + b;
}

// One block row per (n, c) plane.  Planes are contiguous, hw elements each.
__global__ void relu_bias_vec4(float* __restrict__ x, const float* __restrict__ bias,
                               int channels, int hw4) {
    const int64_t plane = blockIdx.y;
    const float b = __ldg(bias + plane % channels);
    float4* p = reinterpret_cast<float4*>(x) + plane * hw4;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < hw4; i += gridDim.x * blockDim.x) {
        float4 v = p[i];
        v.x = act(v.x, b);
        v.y = act(v.y, b);
        v.z = act(v.z, b);
        v.w = act(v.w, b);
        p[i] = v;
    }
}

__global__ void relu_bias_scalar(float* __restrict__ x, const float* __restrict__ bias,
                                 int channels, int64_t hw, int64_t total) {
    const int64_t step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < total; i += step) {
        x[i] = act(x[i], __ldg(bias + (i / hw) % channels));
    }
}

torch::Tensor relu_bias_(torch::Tensor x, torch::Tensor bias) {
    TORCH_CHECK(x.is_cuda() && x.scalar_type() == at::kFloat, "x: float32 on cuda");
    TORCH_CHECK(x.is_contiguous() && bias.is_contiguous(), "contiguous tensors");
    TORCH_CHECK(bias.numel() == x.size(1), "one bias per channel");
    const at::cuda::CUDAGuard guard(x.device());
    auto stream = at::cuda::getCurrentCUDAStream();
    const int64_t total = x.numel();
    if (total == 0) return x;
    const int channels = x.size(1);
    const int64_t hw = x.size(2) * x.size(3);
    const int64_t planes = x.size(0) * channels;
    const bool aligned = (reinterpret_cast<uintptr_t>(x.data_ptr<float>()) & 15) == 0;
    if (aligned && hw % 4 == 0 && planes <= 65535) {
        const int hw4 = hw / 4;
        const int threads = 256;
        const int bx = std::min<int>((hw4 + threads - 1) / threads, 64);
        relu_bias_vec4<<<dim3(bx, planes), threads, 0, stream>>>(
            x.data_ptr<float>(), bias.data_ptr<float>(), channels, hw4);
    } else {
        const int threads = 256;
        const int blocks = (int)std::min<int64_t>((total + threads - 1) / threads, 8192);
        relu_bias_scalar<<<blocks, threads, 0, stream>>>(
            x.data_ptr<float>(), bias.data_ptr<float>(), channels, hw, total);
    }
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    return x;
}
"""

_ext = load_inline(
    name="kb_conv_relu_bias_epilogue",
    cpp_sources=_cpp,
    cuda_sources=_cuda,
    functions=["relu_bias_"],
    extra_cuda_cflags=["-O3"],
    verbose=False,
)


class ModelNew(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, bias_shape):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size)
        self.bias = nn.Parameter(torch.randn(bias_shape))

    def forward(self, x):
        y = self.conv(x)
        # cuDNN may hand back channels_last; the epilogue wants planes
        y = y.contiguous()
        return _ext.relu_bias_(y, self.bias.view(-1))


batch_size = 128
in_channels = 64
out_channels = 128
height = width = 128
kernel_size = 3
bias_shape = (out_channels, 1, 1)


def get_inputs():
    return [torch.rand(batch_size, in_channels, height, width)]


def get_init_inputs():
    return [in_channels, out_channels, kernel_size, bias_shape]
