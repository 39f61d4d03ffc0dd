import hashlib
import os
import tempfile
from pathlib import Path

import torch
from torch.utils.cpp_extension import load

os.environ["TORCH_CUDA_ARCH_LIST"] = "9.0a"
os.environ.setdefault("MAX_JOBS", "4")

KERNEL = """
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
__global__ void gray(const float* rgb, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = 0.2989f * rgb[3 * i] + 0.5870f * rgb[3 * i + 1] + 0.1140f * rgb[3 * i + 2];
}
void grayscale(torch::Tensor rgb, torch::Tensor y) {
    int n = y.numel();
    gray<<<(n + 255) / 256, 256, 0, at::cuda::getCurrentCUDAStream()>>>(rgb.data_ptr<float>(), y.data_ptr<float>(), n);
}
PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) { m.def("grayscale", &grayscale); }
"""


def build():
    # the directory is named after the source, so an edit never picks up a stale binary
    tag = hashlib.md5(KERNEL.encode()).hexdigest()[:10]
    root = Path(tempfile.gettempdir()) / f"gray_{tag}"
    root.mkdir(exist_ok=True)
    cu = root / "gray.cu"
    if not cu.exists() or cu.read_text() != KERNEL:
        cu.write_text(KERNEL)
    return load(name=f"gray_{tag}", sources=[str(cu)], build_directory=str(root),
                extra_cuda_cflags=["-O3", "-lineinfo"], verbose=bool(os.environ.get("KERNEL_DEBUG")))


_mod = build()


def custom_kernel(data):
    rgb, out = data
    _mod.grayscale(rgb.contiguous(), out)
    return out
