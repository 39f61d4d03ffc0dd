import threading
from concurrent.futures import ThreadPoolExecutor

import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

_TEMPLATE = """
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
__global__ void pool_{ks}(const float* x, float* y, int H, int W, int OH, int OW) {{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= OH * OW) return;
    const float* p = x + (size_t)blockIdx.y * H * W + (i / OW) * {ks} * W + (i % OW) * {ks};
    float s = 0.f;
    for (int a = 0; a < {ks}; ++a)
        for (int b = 0; b < {ks}; ++b) s += p[a * W + b];
    y[(size_t)blockIdx.y * OH * OW + i] = s / ({ks} * {ks});
}}
torch::Tensor avgpool_{ks}(torch::Tensor x) {{
    int H = x.size(2), W = x.size(3), OH = H / {ks}, OW = W / {ks};
    auto y = torch::empty({{x.size(0), x.size(1), OH, OW}}, x.options());
    dim3 g((OH * OW + 255) / 256, x.size(0) * x.size(1));
    pool_{ks}<<<g, 256, 0, at::cuda::getCurrentCUDAStream()>>>(x.data_ptr<float>(), y.data_ptr<float>(), H, W, OH, OW);
    return y;
}}
"""
_lock = threading.Lock()
_built = {}


def _build(ks: int):
    mod = load_inline(f"avgpool_{ks}", f"torch::Tensor avgpool_{ks}(torch::Tensor x);",
                      _TEMPLATE.format(ks=ks), functions=[f"avgpool_{ks}"])
    with _lock:
        _built[ks] = getattr(mod, f"avgpool_{ks}")


# nvcc is slow: build the variants in parallel and wait for all of them
with ThreadPoolExecutor(max_workers=3) as pool:
    list(pool.map(_build, (2, 3, 4)))


class ModelNew(nn.Module):
    def __init__(self, kernel_size: int):
        super().__init__()
        if kernel_size not in _built:
            _build(kernel_size)
        self.op = _built[kernel_size]

    def forward(self, x):
        return self.op(x.contiguous())
