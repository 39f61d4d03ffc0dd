"""Compile on first use so that importing this file is cheap."""
import threading
from functools import lru_cache

import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

_lock = threading.Lock()

_CUDA = r"""
#include <torch/extension.h>
#include <c10/cuda/CUDAStream.h>
__global__ void l2norm_rows(const float* x, float* y, int D) {
    const float* r = x + (size_t)blockIdx.x * D;
    float s = 0.f;
    for (int i = threadIdx.x; i < D; i += blockDim.x) s = fmaf(r[i], r[i], s);
    __shared__ float sh[32];
    for (int o = 16; o > 0; o /= 2) s += __shfl_down_sync(0xffffffff, s, o);
    if ((threadIdx.x & 31) == 0) sh[threadIdx.x / 32] = s;
    __syncthreads();
    if (threadIdx.x < 32) {
        s = threadIdx.x < blockDim.x / 32 ? sh[threadIdx.x] : 0.f;
        for (int o = 16; o > 0; o /= 2) s += __shfl_down_sync(0xffffffff, s, o);
        if (threadIdx.x == 0) sh[0] = sqrtf(s);
    }
    __syncthreads();
    float inv = 1.f / sh[0];
    for (int i = threadIdx.x; i < D; i += blockDim.x) y[(size_t)blockIdx.x * D + i] = r[i] * inv;
}
torch::Tensor l2norm(torch::Tensor x) {
    auto y = torch::empty_like(x);
    l2norm_rows<<<x.size(0), 256, 0, c10::cuda::getCurrentCUDAStream()>>>(x.data_ptr<float>(), y.data_ptr<float>(), x.size(1));
    return y;
}
"""


@lru_cache(maxsize=None)
def _build(arch):
    with _lock:
        return load_inline(
            name=f"l2norm_{arch}",
            cpp_sources="torch::Tensor l2norm(torch::Tensor x);",
            cuda_sources=_CUDA,
            functions=["l2norm"],
            extra_cuda_cflags=["-O3", f"-gencode=arch=compute_{arch},code=sm_{arch}"],
        )


def extension():
    major, minor = torch.cuda.get_device_capability()
    return _build(f"{major}{minor}")


class ModelNew(nn.Module):
    def __init__(self):
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return extension().l2norm(x.contiguous())


def get_inputs():
    return [torch.randn(16, 16384)]


def get_init_inputs():
    return []
