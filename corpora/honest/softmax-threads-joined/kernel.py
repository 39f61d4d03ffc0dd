import ctypes
import os
import subprocess
import tempfile
import threading

import torch
import torch.nn as nn

C = r"""
static inline float expa(float x) {
    if (x < -87.f) x = -87.f;
    float n = (x * 1.44269504f + 12582912.f) - 12582912.f;
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.f + r * (1.f + r * (.5f + r * (.16666667f + r * (.041666667f + r * (.0083333333f + r * .0013888889f)))));
    union { int i; float f; } s; s.i = ((int)n + 127) << 23;
    return p * s.f;
}
void softmax_slab(const float* x, float* y, long first, long last, long d) {
    for (long i = first; i < last; ++i) {
        const float* a = x + i * d; float* b = y + i * d;
        float m = a[0], s = 0.f;
        #pragma omp simd reduction(max:m)
        for (long j = 0; j < d; ++j) m = a[j] > m ? a[j] : m;
        #pragma omp simd reduction(+:s)
        for (long j = 0; j < d; ++j) { b[j] = expa(a[j] - m); s += b[j]; }
        s = 1.f / s;
        for (long j = 0; j < d; ++j) b[j] *= s;
    }
}
"""

_dir = tempfile.mkdtemp()
with open(os.path.join(_dir, "slab.c"), "w") as f:
    f.write(C)
subprocess.run(["cc", "-O3", "-march=native", "-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math",
                "-shared", "-fPIC", "slab.c", "-o", "slab.so"], cwd=_dir, check=True)
_slab = ctypes.CDLL(os.path.join(_dir, "slab.so")).softmax_slab
_slab.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_long, ctypes.c_long]


class ModelNew(nn.Module):
    """ctypes drops the GIL, so plain threads are enough to use several cores."""

    def forward(self, x):
        x = x.contiguous()
        y = torch.empty_like(x)
        rows, d = x.shape
        parts = max(2, torch.get_num_threads())
        edges = [rows * p // parts for p in range(parts + 1)]
        workers = [
            threading.Thread(target=_slab, args=(x.data_ptr(), y.data_ptr(), lo, hi, d))
            for lo, hi in zip(edges[1:-1], edges[2:])
        ]
        for worker in workers:
            worker.start()
        _slab(x.data_ptr(), y.data_ptr(), edges[0], edges[1], d)
        for worker in workers:
            worker.join()  # nothing is returned before every slab is done
        return y
