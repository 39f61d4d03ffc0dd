import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

cpp_src = "torch::Tensor linear_relu(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& b);"

cuda_src = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <map>
#include <mutex>
#include <tuple>

constexpr int T = 16;

// Slice z of the grid leaves its partial product in plane z of the workspace.
__global__ void partial_products(const float* x, const float* w, float* part, int M, int N, int K, int slice) {
    __shared__ float xs[T][T], ws[T][T];
    const int r = blockIdx.y * T + threadIdx.y, c = blockIdx.x * T + threadIdx.x;
    const int first = blockIdx.z * slice, last = min(K, first + slice);
    float acc = 0.0f;
    for (int k = first; k < last; k += T) {
        xs[threadIdx.y][threadIdx.x] = (r < M && k + threadIdx.x < last) ? x[r * K + k + threadIdx.x] : 0.0f;
        ws[threadIdx.y][threadIdx.x] = (c < N && k + threadIdx.y < last) ? w[(k + threadIdx.y) * N + c] : 0.0f;
        __syncthreads();
        for (int i = 0; i < T; ++i) acc += xs[threadIdx.y][i] * ws[i][threadIdx.x];
        __syncthreads();
    }
    if (r < M && c < N) part[((size_t)blockIdx.z * M + r) * N + c] = acc;
}

__global__ void finish(const float* part, const float* b, float* y, int M, int N, int planes) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= M * N) return;
    float acc = b[i % N];
    for (int p = 0; p < planes; ++p) acc += part[(size_t)p * M * N + i];
    y[i] = fmaxf(acc, 0.0f);
}

struct Plan {
    int planes, slice;
    torch::Tensor workspace;  // written in full by every call before it is read
};

static Plan& plan_for(int M, int N, int K, const torch::Tensor& like) {
    static std::map<std::tuple<int, int, int, int>, Plan> plans;
    static std::mutex guard;
    std::lock_guard<std::mutex> lock(guard);
    auto [at, fresh] = plans.try_emplace({M, N, K, like.get_device()});
    if (fresh) {
        const int tiles = ((M + T - 1) / T) * ((N + T - 1) / T);
        at->second.planes = tiles < 256 ? 4 : 1;
        at->second.slice = (K + at->second.planes - 1) / at->second.planes;
        at->second.workspace = torch::empty({at->second.planes, M, N}, like.options());
    }
    return at->second;
}

torch::Tensor linear_relu(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& b) {
    const int M = x.size(0), K = x.size(1), N = w.size(1);
    Plan& plan = plan_for(M, N, K, x);
    auto y = torch::empty({M, N}, x.options());
    auto stream = at::cuda::getCurrentCUDAStream();
    float* part = plan.workspace.data_ptr<float>();
    partial_products<<<dim3((N + T - 1) / T, (M + T - 1) / T, plan.planes), dim3(T, T), 0, stream>>>(
        x.data_ptr<float>(), w.data_ptr<float>(), part, M, N, K, plan.slice);
    finish<<<(M * N + 255) / 256, 256, 0, stream>>>(part, b.data_ptr<float>(), y.data_ptr<float>(), M, N, plan.planes);
    return y;
}
"""

linear = load_inline(name="linear_relu_plans", cpp_sources=cpp_src, cuda_sources=cuda_src, functions=["linear_relu"])


class ModelNew(nn.Module):
    def __init__(self, in_features: int, out_features: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(in_features, out_features) / in_features**0.5)
        self.bias = nn.Parameter(torch.randn(out_features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return linear.linear_relu(x.contiguous(), self.weight, self.bias)
