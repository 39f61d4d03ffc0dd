import ctypes
import subprocess
import tempfile
from pathlib import Path

import torch
import torch.nn as nn

# One C template, instantiated for each dtype; the suffix picks the instance.
BODY = r"""
#include <math.h>
static inline float exp_f32(float x) {
    x = x < -80.f ? -80.f : (x > 80.f ? 80.f : x);
    float n = (x * 1.44269504f + 12582912.f) - 12582912.f;
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1 + r * (1 + r * (.5f + r * (.16666667f + r * (.041666667f + r * (.0083333333f + r * .0013888889f)))));
    union { int i; float f; } s = { ((int)n + 127) << 23 };
    return p * s.f;
}
static inline double exp_f64(double x) { return exp(x); }

#define INSTANCE(T, SUFFIX)                                                                   \
void gelu_##SUFFIX(const T *x, const T *bias, const T *res, T *y, long n, long d, int nt) {   \
    _Pragma("omp parallel for num_threads(nt)")                                               \
    for (long i = 0; i < n; i++)                                                              \
        for (long j = 0; j < d; j++) {                                                        \
            T h = x[i * d + j] + bias[j];                                                     \
            T u = (T)1.5957691216057308 * (h + (T)0.044715 * h * h * h);                      \
            T sig = 1 / (1 + exp_##SUFFIX(-u));                                               \
            y[i * d + j] = h * sig + res[i * d + j];                                          \
        }                                                                                     \
}
INSTANCE(float, f32)
INSTANCE(double, f64)
"""

workdir = Path(tempfile.mkdtemp())
(workdir / "gelu.c").write_text(BODY)
subprocess.run(
    ["cc", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp",
     "-shared", "-fPIC", "gelu.c", "-o", "gelu.so", "-lm"],
    cwd=workdir, check=True,
)
lib = ctypes.CDLL(str(workdir / "gelu.so"))
SUFFIX = {torch.float32: "f32", torch.float64: "f64"}


def pick(dtype: torch.dtype):
    function = getattr(lib, f"gelu_{SUFFIX[dtype]}")
    function.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_long, ctypes.c_long, ctypes.c_int]
    function.restype = None
    return function


class ModelNew(nn.Module):
    def __init__(self, features: int):
        super().__init__()
        self.bias = nn.Parameter(torch.randn(features))

    def forward(self, x, residual):
        x, residual = x.contiguous(), residual.contiguous()
        y = torch.empty_like(x)
        bias = self.bias.to(x.dtype)
        pick(x.dtype)(x.data_ptr(), bias.data_ptr(), residual.data_ptr(), y.data_ptr(),
                      x.shape[0], x.shape[1], torch.get_num_threads())
        return y
