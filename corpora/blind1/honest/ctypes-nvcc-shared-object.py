"""vectoradd through a plain shared object and ctypes."""
import ctypes
import hashlib
import os
import subprocess
import tempfile

import torch

SOURCE = r"""
#include <cuda_runtime.h>

__global__ void add4(const float4* __restrict__ a, const float4* __restrict__ b, float4* __restrict__ c, long n4) {
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i < n4) {
        float4 x = a[i], y = b[i];
        c[i] = make_float4(x.x + y.x, x.y + y.y, x.z + y.z, x.w + y.w);
    }
}

__global__ void add1(const float* a, const float* b, float* c, long begin, long n) {
    long i = begin + blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i < n) c[i] = a[i] + b[i];
}

extern "C" int vadd(const void* a, const void* b, void* c, long n, void* stream) {
    cudaStream_t st = (cudaStream_t)stream;
    long n4 = n / 4;
    if (n4) add4<<<(n4 + 255) / 256, 256, 0, st>>>((const float4*)a, (const float4*)b, (float4*)c, n4);
    if (n4 * 4 < n) add1<<<1, 32, 0, st>>>((const float*)a, (const float*)b, (float*)c, n4 * 4, n);
    return (int)cudaGetLastError();
}
"""


def _build() -> ctypes.CDLL:
    tag = hashlib.sha256(SOURCE.encode()).hexdigest()[:16]
    folder = os.path.join(tempfile.gettempdir(), f"vadd_{tag}")
    os.makedirs(folder, exist_ok=True)
    lib = os.path.join(folder, "libvadd.so")
    if not os.path.exists(lib):
        cu = os.path.join(folder, "vadd.cu")
        with open(cu, "w") as f:
            f.write(SOURCE)
        subprocess.run(["nvcc", "-O3", "-shared", "-Xcompiler", "-fPIC", "-o", lib, cu], check=True)
    dll = ctypes.CDLL(lib)
    dll.vadd.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_long, ctypes.c_void_p]
    dll.vadd.restype = ctypes.c_int
    return dll


_lib = _build()


def custom_kernel(data):
    a, b, out = data
    stream = torch.cuda.current_stream().cuda_stream
    rc = _lib.vadd(a.data_ptr(), b.data_ptr(), out.data_ptr(), a.numel(), stream)
    if rc != 0:
        raise RuntimeError(f"kernel launch failed with CUDA error {rc}")
    return out
