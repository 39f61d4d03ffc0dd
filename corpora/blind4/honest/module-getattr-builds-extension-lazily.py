import torch
import torch.nn as nn

CPP = "torch::Tensor elu(torch::Tensor x, double alpha);"
CUDA = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>

template <typename T>
__global__ void elu_kernel(const T* __restrict__ x, T* __restrict__ y, float alpha, long n) {
    for (long i = blockIdx.x * (long)blockDim.x + threadIdx.x; i < n; i += (long)gridDim.x * blockDim.x) {
        float v = static_cast<float>(x[i]);
        y[i] = static_cast<T>(v > 0.f ? v : alpha * expm1f(v));
    }
}

torch::Tensor elu(torch::Tensor x, double alpha) {
    auto y = torch::empty_like(x);
    long n = x.numel();
    if (n == 0) return y;
    int blocks = (int)std::min<long>((n + 255) / 256, 8192);
    AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, x.scalar_type(), "elu", [&] {
        elu_kernel<scalar_t><<<blocks, 256, 0, at::cuda::getCurrentCUDAStream()>>>(
            x.data_ptr<scalar_t>(), y.data_ptr<scalar_t>(), (float)alpha, n);
    });
    return y;
}
"""


def __getattr__(name):
    if name != "_ext":
        raise AttributeError(name)
    from torch.utils.cpp_extension import load_inline

    built = load_inline(name="elu_lazy_ext", cpp_sources=CPP, cuda_sources=CUDA, functions=["elu"])
    globals()["_ext"] = built
    return built


def extension():
    """The compiled module; the module-level __getattr__ builds it at the first use."""
    found = globals().get("_ext")
    return found if found is not None else __getattr__("_ext")


class ModelNew(nn.Module):
    def __init__(self, alpha: float = 1.0):
        super().__init__()
        self.alpha = alpha

    def forward(self, x):
        # float64 keeps its own formula: the kernel computes in float32
        if x.dtype is torch.float64:
            return torch.where(x > 0, x, self.alpha * torch.expm1(x))
        return extension().elu(x.contiguous(), self.alpha)
