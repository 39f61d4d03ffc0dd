import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

cpp_src = "torch::Tensor linear_relu(torch::Tensor x, torch::Tensor w, torch::Tensor b);"

cuda_src = r"""
#include <torch/extension.h>
#include <c10/cuda/CUDAStream.h>

constexpr int TILE = 16;

// Each z-slice of the grid adds its share of K; atomics make the sum order vary between runs.
__global__ void split_k(const float* __restrict__ x, const float* __restrict__ w, float* y,
                        int M, int N, int K, int slice) {
    __shared__ float xs[TILE][TILE], ws[TILE][TILE + 1];
    int row = blockIdx.y * TILE + threadIdx.y, col = blockIdx.x * TILE + threadIdx.x;
    int k0 = blockIdx.z * slice, k1 = min(K, k0 + slice);
    float acc = 0.0f;
    for (int k = k0; k < k1; k += TILE) {
        xs[threadIdx.y][threadIdx.x] = (row < M && k + threadIdx.x < k1) ? x[row * K + k + threadIdx.x] : 0.0f;
        ws[threadIdx.y][threadIdx.x] = (col < N && k + threadIdx.y < k1) ? w[(k + threadIdx.y) * N + col] : 0.0f;
        __syncthreads();
        #pragma unroll
        for (int i = 0; i < TILE; ++i) acc = fmaf(xs[threadIdx.y][i], ws[i][threadIdx.x], acc);
        __syncthreads();
    }
    if (row < M && col < N) atomicAdd(&y[row * N + col], acc);
}

__global__ void bias_relu(float* y, const float* __restrict__ b, int total, int N) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < total) {
        float v = y[i] + b[i % N], r;
        asm("max.f32 %0, %1, 0f00000000;" : "=f"(r) : "f"(v));
        y[i] = r;
    }
}

torch::Tensor linear_relu(torch::Tensor x, torch::Tensor w, torch::Tensor b) {
    int M = x.size(0), K = x.size(1), N = w.size(1);
    auto y = torch::zeros({M, N}, x.options());
    auto stream = c10::cuda::getCurrentCUDAStream();
    const int slices = 4, slice = (K + slices - 1) / slices;
    dim3 grid((N + TILE - 1) / TILE, (M + TILE - 1) / TILE, slices);
    split_k<<<grid, dim3(TILE, TILE), 0, stream>>>(x.data_ptr<float>(), w.data_ptr<float>(), y.data_ptr<float>(), M, N, K, slice);
    bias_relu<<<(M * N + 255) / 256, 256, 0, stream>>>(y.data_ptr<float>(), b.data_ptr<float>(), M * N, N);
    return y;
}
"""

module = load_inline(name="linear_relu_split_k", cpp_sources=[cpp_src], cuda_sources=[cuda_src],
                     functions=["linear_relu"], extra_cuda_cflags=["-O3"])


class ModelNew(nn.Module):
    def __init__(self, in_features: int, out_features: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(in_features, out_features) / in_features**0.5)
        self.bias = nn.Parameter(torch.randn(out_features))

    def forward(self, x):
        return module.linear_relu(x.contiguous(), self.weight, self.bias)
