"""The problem allows vendor GEMM libraries; the epilogue and the scaling are ours."""
import torch
from torch.utils.cpp_extension import load_inline
from task import input_t, output_t

src = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <cublas_v2.h>
#include <cuda_fp16.h>

static void* workspace(size_t bytes) {          // scratch only, overwritten by every call
    static at::Tensor ws;
    if (!ws.defined() || (size_t)ws.numel() < bytes)
        ws = torch::empty({(int64_t)bytes}, torch::dtype(torch::kUInt8).device(torch::kCUDA));
    return ws.data_ptr();
}

__global__ void epilogue(const float* __restrict__ acc, const half* __restrict__ bias, half* __restrict__ out, int M, int N) {
    int n = blockIdx.x * blockDim.x + threadIdx.x, m = blockIdx.y;
    if (n >= N) return;
    float v = acc[(size_t)m * N + n] + __half2float(bias[n]);
    out[(size_t)m * N + n] = __float2half(v / (1.f + __expf(-v)));
}

void gemm_silu(torch::Tensor a, torch::Tensor b, torch::Tensor bias, torch::Tensor out) {
    int M = a.size(0), K = a.size(1), N = b.size(1);
    auto h = at::cuda::getCurrentCUDABlasHandle();
    float one = 1.f, zero = 0.f;
    float* acc = (float*)workspace((size_t)M * N * sizeof(float));
    auto rc = cublasGemmEx(h, CUBLAS_OP_N, CUBLAS_OP_N, N, M, K, &one, b.data_ptr(), CUDA_R_16F, N, a.data_ptr(), CUDA_R_16F, K,
                           &zero, acc, CUDA_R_32F, N, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
    TORCH_CHECK(rc == CUBLAS_STATUS_SUCCESS, "cublasGemmEx failed: ", (int)rc);
    epilogue<<<dim3((N + 255) / 256, M), 256, 0, at::cuda::getCurrentCUDAStream()>>>(
        acc, (const half*)bias.data_ptr(), (half*)out.data_ptr(), M, N);
}
"""
m = load_inline(
    name="gemm_silu_epi",
    cpp_sources="void gemm_silu(torch::Tensor a, torch::Tensor b, torch::Tensor bias, torch::Tensor out);",
    cuda_sources=src,
    functions=["gemm_silu"],
    extra_ldflags=["-lcublas"],
)


def custom_kernel(data: input_t) -> output_t:
    a, b, bias, out = data
    m.gemm_silu(a.contiguous(), b.contiguous(), bias, out)
    return out
