import threading

import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

_LOCK = threading.Lock()
_BUILT = {}

_T = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
__global__ void k(const CTYPE* x, CTYPE* y, float a, long n) {
  long i = (long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) { float v = (float)x[i]; y[i] = (CTYPE)(v >= 0.f ? v : a * v); }
}
torch::Tensor f(torch::Tensor x, double a) {
  auto y = torch::empty_like(x);
  long n = x.numel();
  k<<<(n + 255) / 256, 256, 0, at::cuda::getCurrentCUDAStream()>>>((const CTYPE*)x.data_ptr(), (CTYPE*)y.data_ptr(), (float)a, n);
  return y;
}
"""
_CTYPES = {torch.float32: "float", torch.float16: "c10::Half", torch.bfloat16: "c10::BFloat16"}


def _module(dtype):
    with _LOCK:
        if dtype not in _BUILT:
            ct = _CTYPES[dtype]
            _BUILT[dtype] = load_inline(
                name="lrelu_" + ct.replace("::", "_"),
                cpp_sources="torch::Tensor f(torch::Tensor x, double a);",
                cuda_sources=_T.replace("CTYPE", ct),
                functions=["f"],
            )
        return _BUILT[dtype]


class ModelNew(nn.Module):
    def __init__(self, negative_slope=0.01):
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x):
        if x.dtype not in _CTYPES:
            return nn.functional.leaky_relu(x, self.negative_slope)
        return _module(x.dtype).f(x.contiguous(), self.negative_slope)
