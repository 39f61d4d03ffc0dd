"""Compile with NVRTC through ctypes-friendly torch.cuda helpers; pass raw pointers."""
import ctypes
import hashlib
import os
import subprocess
import tempfile

import torch
import torch.nn as nn

CU = r'''
extern "C" __global__ void elu_k(const float* x, float* y, float alpha, long n) {
  long i = (long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) { float v = x[i]; y[i] = v > 0.f ? v : alpha * expm1f(v); }
}
extern "C" int elu(const float* x, float* y, float alpha, long n, void* stream) {
  elu_k<<<(n + 255) / 256, 256, 0, (cudaStream_t)stream>>>(x, y, alpha, n);
  return (int)cudaGetLastError();
}
'''


def _build():
    tag = hashlib.sha1(CU.encode()).hexdigest()[:12]
    so = os.path.join(tempfile.gettempdir(), f"elu_{tag}.so")
    if not os.path.exists(so):
        cu = so[:-3] + ".cu"
        with open(cu, "w") as f:
            f.write(CU)
        subprocess.run(["nvcc", "-O3", "-shared", "-Xcompiler", "-fPIC", "-o", so + ".tmp", cu], check=True)
        os.replace(so + ".tmp", so)
    lib = ctypes.CDLL(so)
    lib.elu.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_float, ctypes.c_long, ctypes.c_void_p]
    lib.elu.restype = ctypes.c_int
    return lib


_lib = _build()


class ModelNew(nn.Module):
    def __init__(self, alpha: float = 1.0):
        super().__init__()
        self.alpha = alpha

    def forward(self, x):
        x = x.contiguous()
        y = torch.empty_like(x)
        err = _lib.elu(x.data_ptr(), y.data_ptr(), self.alpha, x.numel(), torch.cuda.current_stream().cuda_stream)
        if err:
            raise RuntimeError(f"elu launch failed with cuda error {err}")
        return y
