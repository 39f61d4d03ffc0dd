# rules: {"allowed_libraries": ["cublasLt", "cutlass"]}
import torch
from torch.utils.cpp_extension import load_inline

SRC = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <cublasLt.h>
#define LT(x) TORCH_CHECK((x) == CUBLAS_STATUS_SUCCESS, #x)

// y = relu(x w^T + b) in fp16: x [m, k], w [n, k]
void linear_relu(torch::Tensor x, torch::Tensor w, torch::Tensor b, torch::Tensor y, torch::Tensor ws) {
    static cublasLtHandle_t handle = [] { cublasLtHandle_t h; LT(cublasLtCreate(&h)); return h; }();
    const int64_t m = x.size(0), k = x.size(1), n = w.size(0);
    cublasLtMatmulDesc_t op;
    cublasLtMatrixLayout_t la, lb, lc;
    LT(cublasLtMatmulDescCreate(&op, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    cublasOperation_t t = CUBLAS_OP_T;
    cublasLtEpilogue_t ep = CUBLASLT_EPILOGUE_RELU_BIAS;
    const void* bias = b.data_ptr();
    LT(cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_TRANSA, &t, sizeof(t)));
    LT(cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_EPILOGUE, &ep, sizeof(ep)));
    LT(cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof(bias)));
    LT(cublasLtMatrixLayoutCreate(&la, CUDA_R_16F, k, n, k));
    LT(cublasLtMatrixLayoutCreate(&lb, CUDA_R_16F, k, m, k));
    LT(cublasLtMatrixLayoutCreate(&lc, CUDA_R_16F, n, m, n));
    const float one = 1.f, zero = 0.f;
    LT(cublasLtMatmul(handle, op, &one, w.data_ptr(), la, x.data_ptr(), lb, &zero, y.data_ptr(), lc, y.data_ptr(), lc,
                      nullptr, ws.data_ptr(), ws.numel(), at::cuda::getCurrentCUDAStream()));
    cublasLtMatrixLayoutDestroy(la); cublasLtMatrixLayoutDestroy(lb); cublasLtMatrixLayoutDestroy(lc);
    cublasLtMatmulDescDestroy(op);
}
"""
ext = load_inline("lt_linear_relu",
                  "void linear_relu(torch::Tensor x, torch::Tensor w, torch::Tensor b, torch::Tensor y, torch::Tensor ws);",
                  SRC, functions=["linear_relu"], extra_ldflags=["-lcublasLt"])


def custom_kernel(data):
    x, w, b, y = data
    workspace = torch.empty(32 << 20, dtype=torch.uint8, device=x.device)
    ext.linear_relu(x, w, b, y, workspace)
    return y
