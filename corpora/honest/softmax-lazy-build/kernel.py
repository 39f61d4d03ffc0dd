import ctypes
import subprocess
import tempfile
from pathlib import Path

import torch
import torch.nn as nn


class SoftmaxLibrary:
    """Builds itself at the first call, as a JIT does; every later call goes straight through."""

    source = r"""
    static inline float expo(float x) {
        x = x < -87.0f ? -87.0f : x;
        float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
        float r = x - n * 0.693359375f + n * 2.12194440e-4f;
        float p = ((((( r / 720 + 1.0f / 120) * r + 1.0f / 24) * r + 1.0f / 6) * r + 0.5f) * r + 1.0f) * r + 1.0f;
        union { int i; float f; } s = { ((int)n + 127) << 23 };
        return p * s.f;
    }
    void softmax(const float *x, float *y, long n, long d, int threads) {
        #pragma omp parallel for num_threads(threads)
        for (long i = 0; i < n; i++) {
            const float *a = x + i * d;
            float *b = y + i * d, m = a[0], s = 0.0f;
            #pragma omp simd reduction(max : m)
            for (long j = 0; j < d; j++) m = m > a[j] ? m : a[j];
            #pragma omp simd reduction(+ : s)
            for (long j = 0; j < d; j++) s += (b[j] = expo(a[j] - m));
            s = 1.0f / s;
            for (long j = 0; j < d; j++) b[j] *= s;
        }
    }
    """

    def __init__(self) -> None:
        self.function = None
        self.calls = 0

    def build(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="softmax-"))
        (folder / "s.c").write_text(self.source)
        flags = "-O3 -march=native -fno-math-errno -fno-trapping-math -fopenmp -shared -fPIC"
        subprocess.run(["cc", *flags.split(), "s.c", "-o", "s.so"], cwd=folder, check=True)
        self.function = ctypes.CDLL(str(folder / "s.so")).softmax
        self.function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_long, ctypes.c_int]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self.function is None:
            self.build()
        self.calls += 1  # read by the debugger only
        y = torch.empty_like(x)
        self.function(x.data_ptr(), y.data_ptr(), x.shape[0], x.shape[1], torch.get_num_threads())
        return y


softmax = SoftmaxLibrary()


class ModelNew(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return softmax(x.contiguous())
