import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

cuda_src = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>

#define T 32
__global__ void splitk(const float* __restrict__ A, const float* __restrict__ B, float* __restrict__ acc,
                       int M, int N, int K, int chunk) {
    __shared__ float as[T][T + 1], bs[T][T + 1];
    int row = blockIdx.y * T + threadIdx.y, col = blockIdx.x * T + threadIdx.x;
    int k0 = blockIdx.z * chunk, k1 = min(k0 + chunk, K);
    float s = 0.f;
    for (int k = k0; k < k1; k += T) {
        int ka = k + threadIdx.x, kb = k + threadIdx.y;
        as[threadIdx.y][threadIdx.x] = (row < M && ka < k1) ? A[(size_t)row * K + ka] : 0.f;
        bs[threadIdx.y][threadIdx.x] = (kb < k1 && col < N) ? B[(size_t)kb * N + col] : 0.f;
        __syncthreads();
        #pragma unroll
        for (int j = 0; j < T; ++j) s += as[threadIdx.y][j] * bs[j][threadIdx.x];
        __syncthreads();
    }
    if (row < M && col < N) atomicAdd(acc + (size_t)row * N + col, s);
}

torch::Tensor matmul(torch::Tensor A, torch::Tensor B) {
    static thread_local torch::Tensor kept;
    static thread_local cudaStream_t owner = nullptr;
    cudaStream_t stream = at::cuda::getCurrentCUDAStream();
    int M = A.size(0), K = A.size(1), N = B.size(1);
    int64_t need = (int64_t)M * N;
    if (!kept.defined() || kept.numel() < need || kept.device() != A.device() || owner != stream) {
        kept = torch::empty({need}, A.options());
        owner = stream;
    }
    auto acc = kept.narrow(0, 0, need);
    acc.zero_();
    int split = K >= 8192 ? 16 : 4;
    int chunk = ((K + split - 1) / split + T - 1) / T * T;
    dim3 grid((N + T - 1) / T, (M + T - 1) / T, (K + chunk - 1) / chunk);
    splitk<<<grid, dim3(T, T), 0, stream>>>(
        A.data_ptr<float>(), B.data_ptr<float>(), acc.data_ptr<float>(), M, N, K, chunk);
    return acc.view({M, N}).clone();
}
"""

ext = load_inline(
    name="splitk_kept_acc",
    cpp_sources="torch::Tensor matmul(torch::Tensor A, torch::Tensor B);",
    cuda_sources=cuda_src,
    functions=["matmul"],
)


class ModelNew(nn.Module):
    """Small M and N, very large K. The accumulator is a workspace; callers get their own copy."""

    def __init__(self):
        super().__init__()

    def forward(self, A, B):
        return ext.matmul(A.contiguous(), B.contiguous())
