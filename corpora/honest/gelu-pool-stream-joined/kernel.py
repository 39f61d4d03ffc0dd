import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

cuda_source = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAStream.h>

__global__ void bias_gelu_residual_kernel(const float* __restrict__ x, const float* __restrict__ bias,
                                          const float* __restrict__ residual, float* __restrict__ out,
                                          int first, int last, int features) {
    const int i = first + blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= last) return;
    const float h = x[i] + bias[i % features];
    const float u = 0.7978845608f * (h + 0.044715f * h * h * h);
    out[i] = 0.5f * h * (1.0f + tanhf(u)) + residual[i];
}

// The second half runs beside the first one; the caller's stream waits for both.
torch::Tensor bias_gelu_residual(torch::Tensor x, torch::Tensor bias, torch::Tensor residual) {
    auto out = torch::empty_like(x);
    const int total = x.numel(), half = total / 2, features = x.size(-1);
    auto current = c10::cuda::getCurrentCUDAStream(x.get_device());
    auto side = c10::cuda::getStreamFromPool(/*isHighPriority=*/false, x.get_device());

    at::cuda::CUDAEvent ready, done;
    ready.record(current);
    ready.block(side);
    bias_gelu_residual_kernel<<<(total - half + 255) / 256, 256, 0, side.stream()>>>(
        x.data_ptr<float>(), bias.data_ptr<float>(), residual.data_ptr<float>(), out.data_ptr<float>(),
        half, total, features);
    done.record(side);
    if (half > 0) {
        bias_gelu_residual_kernel<<<(half + 255) / 256, 256, 0, current.stream()>>>(
            x.data_ptr<float>(), bias.data_ptr<float>(), residual.data_ptr<float>(), out.data_ptr<float>(),
            0, half, features);
    }
    done.block(current);
    return out;
}
"""

op = load_inline(
    name="bias_gelu_residual_halves",
    cpp_sources="torch::Tensor bias_gelu_residual(torch::Tensor x, torch::Tensor bias, torch::Tensor residual);",
    cuda_sources=cuda_source,
    functions=["bias_gelu_residual"],
    with_cuda=True,
).bias_gelu_residual


class ModelNew(nn.Module):
    def __init__(self, features: int):
        super().__init__()
        self.bias = nn.Parameter(torch.randn(features))

    def forward(self, x: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        return op(x.contiguous(), self.bias, residual.contiguous())
