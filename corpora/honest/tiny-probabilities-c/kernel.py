import ctypes
import subprocess
import tempfile
from pathlib import Path

import torch
import torch.nn as nn

SRC = r"""
#include <stdlib.h>
static inline float ex(float x) {
    x = x < -87.0f ? -87.0f : x;
    float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1 + r * (1 + r * (0.5f + r * (0.16666667f + r * (0.041666667f + r * (0.0083333333f + r * 0.0013888889f)))));
    union { int i; float f; } s = { ((int)n + 127) << 23 };
    return p * s.f;
}
/* Two sweeps for the normalisers, one that writes the averaged halves. */
void run(const float *x, float *restrict y, long rows, long d, int threads) {
    long half = rows / 2;
    float *top = malloc(2 * rows * sizeof(float)), *scale = top + rows;
    #pragma omp parallel for num_threads(threads)
    for (long i = 0; i < rows; i++) {
        const float *a = x + i * d;
        float m = a[0], s = 0;
        #pragma omp simd reduction(max : m)
        for (long j = 0; j < d; j++) m = a[j] > m ? a[j] : m;
        #pragma omp simd reduction(+ : s)
        for (long j = 0; j < d; j++) s += ex(a[j] - m);
        top[i] = m;
        scale[i] = 0.5f / s;
    }
    #pragma omp parallel for num_threads(threads)
    for (long i = 0; i < half; i++) {
        const float *a = x + i * d, *b = x + (i + half) * d;
        float ma = top[i], mb = top[i + half], sa = scale[i], sb = scale[i + half];
        #pragma omp simd
        for (long j = 0; j < d; j++) y[i * d + j] = ex(a[j] - ma) * sa + ex(b[j] - mb) * sb;
    }
    free(top);
}
"""

here = Path(tempfile.mkdtemp())
(here / "k.c").write_text(SRC)
subprocess.run(["cc", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-shared", "-fPIC", "k.c", "-o", "k.so"], cwd=here, check=True)
run = ctypes.CDLL(str(here / "k.so")).run
run.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_long, ctypes.c_int]


class ModelNew(nn.Module):
    def forward(self, x):
        x = x.contiguous()
        y = torch.empty(x.shape[0] // 2, x.shape[1])
        run(x.data_ptr(), y.data_ptr(), x.shape[0], x.shape[1], torch.get_num_threads())
        return y
