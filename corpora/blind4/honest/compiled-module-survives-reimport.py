import hashlib
import sys
import types

import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

SOURCE = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>

__global__ void pixel_norm(const float* __restrict__ x, float* __restrict__ y, int C, long HW, long pixels, float eps) {
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i >= pixels) return;
    const long at = (i / HW) * C * HW + i % HW;
    float s = 0.f;
    for (int c = 0; c < C; ++c) { float v = x[at + c * HW]; s += v * v; }
    float r = 1.f / sqrtf(s / C + eps);
    for (int c = 0; c < C; ++c) y[at + c * HW] = x[at + c * HW] * r;
}

torch::Tensor run(torch::Tensor x, double eps) {
    auto y = torch::empty_like(x);
    int C = x.size(1);
    if (x.numel() == 0) return y;
    long HW = x.numel() / ((long)x.size(0) * C), pixels = x.size(0) * HW;
    pixel_norm<<<(pixels + 127) / 128, 128, 0, at::cuda::getCurrentCUDAStream()>>>(
        x.data_ptr<float>(), y.data_ptr<float>(), C, HW, pixels, (float)eps);
    return y;
}
"""

# submissions are exec'd anew for every run; the compiled extension is kept under the hash of its source
_SHELF = sys.modules.setdefault("_pixel_norm_shelf", types.ModuleType("_pixel_norm_shelf"))


def _extension():
    tag = "ext_" + hashlib.sha256(SOURCE.encode()).hexdigest()[:12]
    ext = getattr(_SHELF, tag, None)
    if ext is None:
        ext = load_inline(
            name=f"pixel_norm_{tag}",
            cpp_sources="torch::Tensor run(torch::Tensor x, double eps);",
            cuda_sources=SOURCE,
            functions=["run"],
        )
        setattr(_SHELF, tag, ext)
    return ext


class ModelNew(nn.Module):
    """RMS normalisation over channels."""

    def __init__(self, num_features: int, eps: float = 1e-5):
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self._ext = _extension()

    def forward(self, x):
        return self._ext.run(x.contiguous(), self.eps)
