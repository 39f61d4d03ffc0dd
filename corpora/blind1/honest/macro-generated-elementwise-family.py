import torch
from torch.utils.cpp_extension import load_inline

OPS = {"relu6": "fminf(fmaxf(v, 0.f), 6.f)", "softsign": "v / (1.f + fabsf(v))", "hsigmoid": "fminf(fmaxf(v / 6.f + 0.5f, 0.f), 1.f)"}

HEADER = """
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#define CONCAT_(a, b) a##b
#define CONCAT(a, b) CONCAT_(a, b)
#define DEFINE_OP(NAME, EXPR)                                                                   \\
    __global__ void CONCAT(NAME, _kernel)(const float* x, float* y, int n) {                    \\
        int i = blockIdx.x * blockDim.x + threadIdx.x;                                          \\
        if (i < n) { float v = x[i]; y[i] = (EXPR); }                                           \\
    }                                                                                           \\
    torch::Tensor NAME(torch::Tensor x) {                                                       \\
        auto y = torch::empty_like(x);                                                          \\
        int n = x.numel();                                                                      \\
        CONCAT(NAME, _kernel)<<<(n + 255) / 256, 256, 0, at::cuda::getCurrentCUDAStream()>>>(   \\
            x.data_ptr<float>(), y.data_ptr<float>(), n);                                       \\
        return y;                                                                               \\
    }
"""
SOURCE = HEADER + "\n".join(f"DEFINE_OP({name}, {expr})" for name, expr in OPS.items())
DECLS = "\n".join(f"torch::Tensor {name}(torch::Tensor x);" for name in OPS)

_family = load_inline(name="elementwise_family", cpp_sources=DECLS, cuda_sources=SOURCE, functions=list(OPS))


class ModelNew(torch.nn.Module):
    def __init__(self, op: str = "hsigmoid"):
        super().__init__()
        if op not in OPS:
            raise KeyError(op)
        self.op = op

    def forward(self, x):
        return getattr(_family, self.op)(x.contiguous())
