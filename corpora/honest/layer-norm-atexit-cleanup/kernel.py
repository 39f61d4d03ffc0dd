import atexit
import ctypes
import shutil
import subprocess
import tempfile

import torch
import torch.nn as nn

build = tempfile.mkdtemp(prefix="layernorm_")
atexit.register(shutil.rmtree, build, ignore_errors=True)

with open(build + "/ln.c", "w") as out:
    out.write(r"""
#include <math.h>
/* Mean first, then the variance about it: one pass would lose digits on rows with outliers. */
void ln(const float *restrict x, const float *restrict g, const float *restrict b, float *restrict y,
        long n, long d, float eps, int threads) {
    #pragma omp parallel for num_threads(threads)
    for (long i = 0; i < n; i++) {
        const float *a = x + i * d;
        float *o = y + i * d;
        float s = 0, q = 0;
        #pragma omp simd reduction(+ : s)
        for (long j = 0; j < d; j++) s += a[j];
        float m = s / d;
        #pragma omp simd reduction(+ : q)
        for (long j = 0; j < d; j++) q += (a[j] - m) * (a[j] - m);
        float r = 1.0f / sqrtf(q / d + eps);
        #pragma omp simd
        for (long j = 0; j < d; j++) o[j] = (a[j] - m) * r * g[j] + b[j];
    }
}
""")
subprocess.check_call(["cc", "-O3", "-march=native", "-fno-math-errno", "-fopenmp", "-shared", "-fPIC",
                       "-o", build + "/ln.so", build + "/ln.c", "-lm"])
ln = ctypes.CDLL(build + "/ln.so").ln
ln.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_long] * 2 + [ctypes.c_float, ctypes.c_int]


class ModelNew(nn.Module):
    def __init__(self, features: int, eps: float = 1e-5):
        super().__init__()
        self.gamma = nn.Parameter(1.0 + 0.1 * torch.randn(features))
        self.beta = nn.Parameter(0.1 * torch.randn(features))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.contiguous()
        y = torch.empty_like(x)
        ln(x.data_ptr(), self.gamma.data_ptr(), self.beta.data_ptr(), y.data_ptr(), *x.shape, self.eps, torch.get_num_threads())
        return y
