import hashlib
import inspect

import torch
from torch.utils.cpp_extension import load_inline


def make_source(vec: int, threads: int) -> str:
    return f"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
__global__ void saxpy(const float* x, const float* y, float* o, float a, int n) {{
    int i = (blockIdx.x * {threads} + threadIdx.x) * {vec};
    #pragma unroll
    for (int j = 0; j < {vec}; ++j) if (i + j < n) o[i + j] = fmaf(a, x[i + j], y[i + j]);
}}
void run(torch::Tensor x, torch::Tensor y, torch::Tensor o, double a) {{
    int n = x.numel();
    saxpy<<<(n + {threads * vec - 1}) / {threads * vec}, {threads}, 0, at::cuda::getCurrentCUDAStream()>>>(
        x.data_ptr<float>(), y.data_ptr<float>(), o.data_ptr<float>(), (float)a, n);
}}
"""


def _tag(*parts) -> str:
    """Extension name: hash of the generator's source, so an edit triggers a rebuild."""
    text = inspect.getsource(make_source) + repr(parts)
    return hashlib.sha1(text.encode()).hexdigest()[:12]


_ext = load_inline(name=f"saxpy_{_tag(4, 256)}",
                   cpp_sources="void run(torch::Tensor x, torch::Tensor y, torch::Tensor o, double a);",
                   cuda_sources=make_source(4, 256), functions=["run"])


def custom_kernel(data):
    x, y, a, out = data
    _ext.run(x, y, out, float(a))
    return out
