"""Decorator that compiles the C code in a function's docstring."""
import ctypes
import functools
import subprocess
import tempfile
from pathlib import Path

import torch


def compiled(function):
    folder = Path(tempfile.mkdtemp())
    (folder / "code.c").write_text(function.__doc__)
    subprocess.run(
        ["cc", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp",
         "-fPIC", "-shared", "code.c", "-o", "code.so"],
        cwd=folder, check=True,
    )
    native = getattr(ctypes.CDLL(str(folder / "code.so")), function.__name__)
    native.restype = None

    @functools.wraps(function)
    def call(*args):
        return function(native, *args)

    return call


@compiled
def silu_gate(native, x, gate):
    r"""
    static inline float ex(float x) {
        x = x < -85.0f ? -85.0f : (x > 85.0f ? 85.0f : x);
        float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
        float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
        float p = 1 + r * (1 + r * (0.5f + r * (0.16666667f + r * (0.041666667f + r * (0.0083333333f + r * 0.0013888889f)))));
        union { int i; float f; } s = { ((int)n + 127) << 23 };
        return p * s.f;
    }
    void silu_gate(const float *restrict x, const float *restrict g, float *restrict y, long n, int threads) {
        #pragma omp parallel for simd num_threads(threads)
        for (long i = 0; i < n; i++) {
            float v = x[i] / (1.0f + ex(-x[i]));
            v = v < -1.0f ? -1.0f : (v > 4.0f ? 4.0f : v);
            v = (v * 0.75f + 0.125f) * g[i] + x[i] * (1.0f - g[i]);
            y[i] = v / (1.0f + (v < 0.0f ? -v : v));
        }
    }
    """
    y = torch.empty_like(x)
    native(ctypes.c_void_p(x.data_ptr()), ctypes.c_void_p(gate.data_ptr()), ctypes.c_void_p(y.data_ptr()),
           ctypes.c_long(x.numel()), ctypes.c_int(torch.get_num_threads()))
    return y


def kernel(x: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
    return silu_gate(x.contiguous(), gate.contiguous())
