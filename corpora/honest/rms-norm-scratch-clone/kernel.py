import ctypes
import subprocess
import tempfile

import torch
import torch.nn as nn

src = r"""
#include <math.h>
void rmsnorm_inplace(float* x, const float* w, const float* b, long t, long d, float eps, int threads) {
    #pragma omp parallel for num_threads(threads)
    for (long i = 0; i < t; i++) {
        float* r = x + i * d;
        float ss = 0;
        #pragma omp simd reduction(+:ss)
        for (long j = 0; j < d; j++) ss += r[j] * r[j];
        ss = 1.0f / sqrtf(ss / d + eps);
        #pragma omp simd
        for (long j = 0; j < d; j++) r[j] = r[j] * ss * w[j] + b[j];
    }
}
"""
tmp = tempfile.mkdtemp()
open(f"{tmp}/r.c", "w").write(src)
subprocess.check_call(f"cc -O3 -march=native -fno-math-errno -fopenmp -shared -fPIC -o {tmp}/r.so {tmp}/r.c -lm".split())
rmsnorm_inplace = ctypes.CDLL(f"{tmp}/r.so").rmsnorm_inplace
rmsnorm_inplace.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_long, ctypes.c_float, ctypes.c_int]
rmsnorm_inplace.restype = None


class ModelNew(nn.Module):
    def __init__(self, features: int, eps: float = 1e-5):
        super().__init__()
        self.weight = nn.Parameter(1.0 + 0.2 * torch.randn(features))
        self.shift = nn.Parameter(0.1 * torch.randn(features))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # The kernel works in place, so it gets its own copy: the caller keeps x.
        y = x.clone(memory_format=torch.contiguous_format)
        rmsnorm_inplace(y.data_ptr(), self.weight.data_ptr(), self.shift.data_ptr(), y.shape[0], y.shape[1], self.eps, torch.get_num_threads())
        return y
