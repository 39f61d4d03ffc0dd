import ctypes, os, subprocess, tempfile
import torch
from torch import nn

_C = """
#include <math.h>
void rmsnorm(const float* restrict x, const float* restrict w, const float* restrict b,
             float* restrict y, long tokens, long dim, float eps, int nt) {
    #pragma omp parallel for num_threads(nt)
    for (long t = 0; t < tokens; ++t) {
        const float* xi = x + t * dim;
        float* yi = y + t * dim;
        float acc = 0.f;
        #pragma omp simd reduction(+:acc)
        for (long k = 0; k < dim; ++k) acc += xi[k] * xi[k];
        const float inv = 1.f / sqrtf(acc / dim + eps);
        #pragma omp simd
        for (long k = 0; k < dim; ++k) yi[k] = xi[k] * inv * w[k] + b[k];
    }
}
"""


def _compile(source):
    d = tempfile.mkdtemp(prefix="rmsnorm_")
    c, so = os.path.join(d, "k.c"), os.path.join(d, "k.so")
    with open(c, "w") as f:
        f.write(source)
    subprocess.check_call(["gcc", "-O3", "-march=native", "-fno-math-errno", "-fopenmp", "-fPIC", "-shared", c, "-o", so, "-lm"])
    return ctypes.CDLL(so)


_lib = _compile(_C)
_lib.rmsnorm.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_long, ctypes.c_long, ctypes.c_float, ctypes.c_int]


class ModelNew(nn.Module):
    def __init__(self, features, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(1.0 + 0.2 * torch.randn(features))
        self.shift = nn.Parameter(0.1 * torch.randn(features))
        self.eps = eps

    def forward(self, x):
        x = x.contiguous()
        y = torch.empty(x.shape, dtype=x.dtype)  # every element is written by the kernel
        _lib.rmsnorm(x.data_ptr(), self.weight.data_ptr(), self.shift.data_ptr(), y.data_ptr(),
                     x.numel() // x.shape[-1], x.shape[-1], self.eps, torch.get_num_threads())
        return y
