import ctypes
import hashlib
import os
import subprocess
import tempfile

import torch
import torch.nn as nn

CODE = r"""
extern "C" __global__ void hs(const float* x, float* y, size_t n) {
    size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
    if (i < n) y[i] = fminf(fmaxf(x[i] / 6.f + 0.5f, 0.f), 1.f);
}
extern "C" int hardsigmoid(const void* x, void* y, size_t n, void* stream) {
    hs<<<(unsigned)((n + 255) / 256), 256, 0, (cudaStream_t)stream>>>((const float*)x, (float*)y, n);
    return (int)cudaGetLastError();
}
"""


def _compile():
    tag = hashlib.sha1(CODE.encode()).hexdigest()[:12]
    out = os.path.join(tempfile.gettempdir(), f"hs_{tag}_{os.getuid()}.so")
    if not os.path.exists(out):
        with tempfile.TemporaryDirectory() as d:
            cu = os.path.join(d, "k.cu")
            with open(cu, "w") as f:
                f.write(CODE)
            tmp = os.path.join(d, "k.so")
            subprocess.run(["nvcc", "-O3", "-shared", "-Xcompiler", "-fPIC", cu, "-o", tmp], check=True)
            os.replace(tmp, out)
    lib = ctypes.CDLL(out)
    lib.hardsigmoid.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
    lib.hardsigmoid.restype = ctypes.c_int
    return lib


_lib = _compile()


class ModelNew(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.contiguous()
        y = torch.empty_like(x)
        rc = _lib.hardsigmoid(x.data_ptr(), y.data_ptr(), x.numel(), torch.cuda.current_stream().cuda_stream)
        if rc:
            raise RuntimeError(f"launch failed: {rc}")
        return y


def get_inputs():
    return [torch.randn(16, 16384)]


def get_init_inputs():
    return []
