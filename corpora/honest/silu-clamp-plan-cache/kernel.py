"""Compiles one specialised C loop for every element count and keeps the compiled plan."""
import ctypes
import functools
import subprocess
import tempfile
from pathlib import Path

import torch

TEMPLATE = r"""
#define N %(count)dL
static inline float ex(float x) {
    x = x < -85.0f ? -85.0f : (x > 85.0f ? 85.0f : x);
    float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1 + r * (1 + r * (0.5f + r * (0.16666667f + r * (0.041666667f + r * (0.0083333333f + r * 0.0013888889f)))));
    union { int i; float f; } s = { ((int)n + 127) << 23 };
    return p * s.f;
}
void run(const float *restrict x, const float *restrict g, float *restrict y, int threads) {
    #pragma omp parallel for simd num_threads(threads)
    for (long i = 0; i < N; i++) {
        float v = x[i] / (1.0f + ex(-x[i]));
        v = v < -1.0f ? -1.0f : (v > 4.0f ? 4.0f : v);
        v = (v * 0.75f + 0.125f) * g[i] + x[i] * (1.0f - g[i]);
        y[i] = v / (1.0f + (v < 0.0f ? -v : v));
    }
}
"""


@functools.lru_cache(maxsize=None)
def plan(shape: torch.Size, dtype: torch.dtype):
    """A compiled function for that shape and dtype; no data goes in here."""
    if dtype is not torch.float32:
        raise TypeError(f"float32 only, not {dtype}")
    folder = Path(tempfile.mkdtemp())
    (folder / "plan.c").write_text(TEMPLATE % {"count": shape.numel()})
    subprocess.run(
        ["cc", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-fPIC", "-shared", "-o", "plan.so", "plan.c"],
        cwd=folder, check=True,
    )
    run = ctypes.CDLL(str(folder / "plan.so")).run
    run.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
    return run


plan(torch.Size([256, 1024]), torch.float32)  # compile ahead of the first call


def kernel(x: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
    x, gate = x.contiguous(), gate.contiguous()
    y = torch.empty_like(x)
    plan(x.shape, x.dtype)(x.data_ptr(), gate.data_ptr(), y.data_ptr(), torch.get_num_threads())
    return y
