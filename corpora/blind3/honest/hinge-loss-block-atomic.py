import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

hinge_src = """
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>

__global__ void hinge(const float* p, const float* t, float* out, long n, long tn, float inv) {
    __shared__ float sm[32];
    float s = 0.f;
    for (long i = (long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (long)gridDim.x * blockDim.x)
        s += fmaxf(1.f - p[i] * t[i % tn], 0.f);
    for (int o = 16; o > 0; o >>= 1) s += __shfl_down_sync(0xffffffff, s, o);
    if ((threadIdx.x & 31) == 0) sm[threadIdx.x >> 5] = s;
    __syncthreads();
    if (threadIdx.x == 0) {
        float r = 0.f;
        for (int w = 0; w < blockDim.x / 32; w++) r += sm[w];
        atomicAdd(out, r * inv);
    }
}

torch::Tensor hinge_loss(torch::Tensor p, torch::Tensor t) {
    auto out = torch::zeros({}, p.options());
    long n = p.numel();
    hinge<<<528, 256, 0, at::cuda::getCurrentCUDAStream()>>>(p.data_ptr<float>(), t.data_ptr<float>(), out.data_ptr<float>(), n, t.numel(), 1.f / n);
    return out;
}
"""

hinge = load_inline(name="hinge_atomic", cpp_sources="torch::Tensor hinge_loss(torch::Tensor p, torch::Tensor t);",
                    cuda_sources=hinge_src, functions=["hinge_loss"])


class ModelNew(nn.Module):
    def __init__(self):
        super(ModelNew, self).__init__()

    def forward(self, predictions, targets):
        # targets broadcast along the leading dimensions
        return hinge.hinge_loss(predictions.contiguous(), targets.contiguous())
