import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

cuda = r"""
#include <torch/extension.h>
#include <c10/cuda/CUDAStream.h>
#include <cub/block/block_load.cuh>
#include <cub/block/block_scan.cuh>
#include <cub/block/block_store.cuh>

struct Carry {
    float total;
    __device__ float operator()(float agg) { float old = total; total += agg; return old; }
};

template <int T, int I>
__global__ void masked_scan(const float* x, const bool* m, float* y, int D) {
    using Scan = cub::BlockScan<float, T>;
    __shared__ typename Scan::TempStorage tmp;
    size_t base = (size_t)blockIdx.x * D;
    Carry carry{0.f};
    for (int o = 0; o < D; o += T * I) {
        float v[I];
        #pragma unroll
        for (int i = 0; i < I; ++i) {
            int c = o + threadIdx.x * I + i;
            v[i] = (c < D && m[base + c]) ? x[base + c] : 0.f;
        }
        Scan(tmp).InclusiveSum(v, v, carry);
        __syncthreads();
        #pragma unroll
        for (int i = 0; i < I; ++i) {
            int c = o + threadIdx.x * I + i;
            if (c < D) y[base + c] = v[i];
        }
    }
}

torch::Tensor masked_cumsum(torch::Tensor x, torch::Tensor mask) {
    auto y = torch::empty_like(x);
    int D = x.size(-1);
    masked_scan<256, 4><<<x.numel() / D, 256, 0, c10::cuda::getCurrentCUDAStream()>>>(
        x.data_ptr<float>(), mask.data_ptr<bool>(), y.data_ptr<float>(), D);
    return y;
}
"""
ext = load_inline(name="masked_cumsum_cub", cpp_sources="torch::Tensor masked_cumsum(torch::Tensor x, torch::Tensor mask);",
                  cuda_sources=cuda, functions=["masked_cumsum"])


class ModelNew(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, x, mask):
        assert self.dim in (1, -1) and x.dim() == 2
        return ext.masked_cumsum(x.contiguous(), mask.contiguous())


def get_inputs():
    x = torch.randn(128, 4000)
    return [x, torch.randint(0, 2, x.shape).bool()]


def get_init_inputs():
    return [1]
