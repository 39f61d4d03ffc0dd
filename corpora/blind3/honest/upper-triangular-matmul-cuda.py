import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

SRC = """
#include <torch/extension.h>
#include <cuda_runtime.h>
#define T 32
__global__ void triu_mm(const float* A, const float* B, float* C, int N) {
    int row = blockIdx.y * T + threadIdx.y;
    int col = blockIdx.x * T + threadIdx.x;
    if (row >= N || col >= N) { if (blockIdx.y > blockIdx.x) return; }
    // tiles strictly below the diagonal are zero for triangular inputs
    if (blockIdx.y > blockIdx.x) { C[(size_t)row * N + col] = 0.f; return; }
    __shared__ float a[T][T], b[T][T];
    float s = 0.f;
    // A[i,k] is nonzero for k >= i and B[k,j] for k <= j
    for (int t = blockIdx.y; t <= blockIdx.x; ++t) {
        int ka = t * T + threadIdx.x, kb = t * T + threadIdx.y;
        a[threadIdx.y][threadIdx.x] = (row < N && ka < N) ? A[(size_t)row * N + ka] : 0.f;
        b[threadIdx.y][threadIdx.x] = (col < N && kb < N) ? B[(size_t)kb * N + col] : 0.f;
        __syncthreads();
        for (int k = 0; k < T; ++k) s += a[threadIdx.y][k] * b[k][threadIdx.x];
        __syncthreads();
    }
    if (row < N && col < N) C[(size_t)row * N + col] = row <= col ? s : 0.f;
}
torch::Tensor triu_matmul(torch::Tensor A, torch::Tensor B) {
    int N = A.size(0);
    auto C = torch::empty_like(A);
    int g = (N + T - 1) / T;
    triu_mm<<<dim3(g, g), dim3(T, T)>>>(A.data_ptr<float>(), B.data_ptr<float>(), C.data_ptr<float>(), N);
    return C;
}
"""
ext = load_inline(name="triu_mm_ext", cpp_sources="torch::Tensor triu_matmul(torch::Tensor A, torch::Tensor B);",
                  cuda_sources=SRC, functions=["triu_matmul"], verbose=False)


class ModelNew(nn.Module):
    """C = triu(A @ B) for upper triangular A and B."""

    def __init__(self):
        super().__init__()

    def forward(self, A, B):
        return ext.triu_matmul(A.contiguous(), B.contiguous())
