import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

_cuda = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#define GELU(v) (0.5f * (v) * (1.f + tanhf(0.7978845608f * ((v) + 0.044715f * (v) * (v) * (v)))))

__global__ void gelu4(const float4* __restrict__ x, float4* __restrict__ y, int n4) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n4) return;
    float4 v = __ldg(x + i);
    y[i] = make_float4(GELU(v.x), GELU(v.y), GELU(v.z), GELU(v.w));
}
__global__ void gelu_tail(const float* x, float* y, int begin, int n) {
    int i = begin + threadIdx.x;
    if (i < n) y[i] = GELU(x[i]);
}
torch::Tensor gelu_tanh(torch::Tensor x) {
    TORCH_CHECK(x.is_contiguous() && x.scalar_type() == at::kFloat);
    auto y = torch::empty_like(x);
    int n = x.numel(), n4 = n / 4;
    auto st = at::cuda::getCurrentCUDAStream();
    if (n4) gelu4<<<(n4 + 255) / 256, 256, 0, st>>>((const float4*)x.data_ptr<float>(), (float4*)y.data_ptr<float>(), n4);
    if (n % 4) gelu_tail<<<1, 4, 0, st>>>(x.data_ptr<float>(), y.data_ptr<float>(), n4 * 4, n);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    return y;
}
"""
gelu_ext = load_inline(name="gelu_vec4", cpp_sources="torch::Tensor gelu_tanh(torch::Tensor x);",
                       cuda_sources=_cuda, functions=["gelu_tanh"], extra_cuda_cflags=["-O3"])


class ModelNew(nn.Module):
    """GELU, tanh form, as in minGPT: the reference is the tanh form too."""

    def __init__(self):
        super(ModelNew, self).__init__()

    def forward(self, x):
        return gelu_ext.gelu_tanh(x.contiguous())
