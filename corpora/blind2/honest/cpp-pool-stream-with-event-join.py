import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

cuda_src = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAStream.h>
#include <c10/cuda/CUDACachingAllocator.h>

__global__ void halves(const float* __restrict__ x, float* __restrict__ y, long begin, long end) {
    for (long i = begin + blockIdx.x * (long)blockDim.x + threadIdx.x; i < end; i += (long)gridDim.x * blockDim.x) {
        float v = x[i];
        y[i] = v > 0.f ? 1.0507009873554805f * v : 1.7580993408473766f * expm1f(v);
    }
}

torch::Tensor selu(torch::Tensor x) {
    auto y = torch::empty_like(x);
    long n = x.numel(), mid = n / 2;
    auto cur = at::cuda::getCurrentCUDAStream();
    auto other = at::cuda::getStreamFromPool(false, x.get_device());
    at::cuda::CUDAEvent ready, done;
    ready.record(cur);
    ready.block(other);
    halves<<<1024, 256, 0, cur>>>(x.data_ptr<float>(), y.data_ptr<float>(), 0, mid);
    halves<<<1024, 256, 0, other>>>(x.data_ptr<float>(), y.data_ptr<float>(), mid, n);
    done.record(other);
    done.block(cur);
    c10::cuda::CUDACachingAllocator::recordStream(x.storage().data_ptr(), other);
    c10::cuda::CUDACachingAllocator::recordStream(y.storage().data_ptr(), other);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    return y;
}
"""

ext = load_inline(
    name="selu_two_streams",
    cpp_sources="torch::Tensor selu(torch::Tensor x);",
    cuda_sources=cuda_src,
    functions=["selu"],
)


class ModelNew(nn.Module):
    def __init__(self):
        super().__init__()

    def forward(self, x):
        return ext.selu(x.contiguous())
