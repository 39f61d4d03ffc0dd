import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

cuda_src = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <unordered_map>
#include <mutex>

struct Limits { int sms; int blocks_per_sm; };

__global__ void mse_kernel(const float* __restrict__ p, const float* __restrict__ t, double* __restrict__ acc, long n) {
    double s = 0.0;
    for (long i = blockIdx.x * (long)blockDim.x + threadIdx.x; i < n; i += (long)gridDim.x * blockDim.x) {
        float d = p[i] - t[i];
        s += (double)d * d;
    }
    for (int o = 16; o > 0; o >>= 1) s += __shfl_down_sync(0xffffffffu, s, o);
    if ((threadIdx.x & 31) == 0) atomicAdd(acc, s);
}

__global__ void finish(const double* acc, float* out, long n) { *out = (float)(*acc / n); }

static const Limits& limits(int device) {
    static std::unordered_map<int, Limits> known;
    static std::mutex lock;
    std::lock_guard<std::mutex> hold(lock);
    auto it = known.find(device);
    if (it == known.end()) {
        Limits l;
        l.sms = at::cuda::getDeviceProperties(device)->multiProcessorCount;
        cudaOccupancyMaxActiveBlocksPerMultiprocessor(&l.blocks_per_sm, mse_kernel, 256, 0);
        if (l.blocks_per_sm < 1) l.blocks_per_sm = 1;
        it = known.emplace(device, l).first;
    }
    return it->second;
}

torch::Tensor mse(torch::Tensor p, torch::Tensor t) {
    const Limits& l = limits(p.get_device());
    auto stream = at::cuda::getCurrentCUDAStream();
    auto acc = torch::zeros({1}, p.options().dtype(torch::kFloat64));
    auto out = torch::empty({}, p.options());
    mse_kernel<<<l.sms * l.blocks_per_sm, 256, 0, stream>>>(
        p.data_ptr<float>(), t.data_ptr<float>(), acc.data_ptr<double>(), p.numel());
    finish<<<1, 1, 0, stream>>>(acc.data_ptr<double>(), out.data_ptr<float>(), p.numel());
    return out;
}
"""

ext = load_inline(
    name="mse_occupancy",
    cpp_sources="torch::Tensor mse(torch::Tensor p, torch::Tensor t);",
    cuda_sources=cuda_src,
    functions=["mse"],
)


class ModelNew(nn.Module):
    def __init__(self):
        super().__init__()

    def forward(self, predictions, targets):
        return ext.mse(predictions.contiguous(), targets.contiguous())
