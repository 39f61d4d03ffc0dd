"""Row softmax in C: one pass for the maximum, one for exp and sum, one to normalise.

A row of 1024 floats stays in L1, so that memory is read once and written once.
"""
import ctypes
import subprocess
import tempfile
from pathlib import Path

import torch
import torch.nn as nn

SOURCE = r"""
#include <stddef.h>

static inline float exp_fast(float x) {
    x = x < -87.0f ? -87.0f : x;
    float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    float r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    union { int i; float f; } two_n = { ((int)n + 127) << 23 };
    return p * two_n.f;
}

void softmax_rows(const float *x, float *y, long rows, long columns, int threads) {
    #pragma omp parallel for num_threads(threads)
    for (long i = 0; i < rows; i++) {
        const float *in = x + i * columns;
        float *out = y + i * columns;
        float top = in[0];
        #pragma omp simd reduction(max : top)
        for (long j = 0; j < columns; j++) top = in[j] > top ? in[j] : top;
        float sum = 0.0f;
        #pragma omp simd reduction(+ : sum)
        for (long j = 0; j < columns; j++) {
            float e = exp_fast(in[j] - top);
            out[j] = e;
            sum += e;
        }
        float scale = 1.0f / sum;
        for (long j = 0; j < columns; j++) out[j] *= scale;
    }
}
"""


def build() -> ctypes.CDLL:
    folder = Path(tempfile.mkdtemp())
    (folder / "softmax.c").write_text(SOURCE)
    subprocess.run(
        ["cc", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp",
         "-shared", "-fPIC", "softmax.c", "-o", "softmax.so"],
        cwd=folder, check=True,
    )
    return ctypes.CDLL(str(folder / "softmax.so"))


library = build()


class ModelNew(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.contiguous()
        y = torch.empty_like(x)
        columns = x.shape[-1]
        library.softmax_rows(
            ctypes.c_void_p(x.data_ptr()), ctypes.c_void_p(y.data_ptr()),
            ctypes.c_long(x.numel() // columns), ctypes.c_long(columns),
            ctypes.c_int(torch.get_num_threads()),
        )
        return y
