import ctypes
import inspect
import subprocess
import tempfile
from pathlib import Path

import torch
import torch.nn as nn


def c_source() -> str:
    return inspect.cleandoc(r"""
        static inline float expc(float x) {
            x = x < -80.f ? -80.f : (x > 80.f ? 80.f : x);
            float n = (x * 1.44269504f + 12582912.f) - 12582912.f;
            float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
            float p = 1 + r * (1 + r * (.5f + r * (.16666667f + r * (.041666667f + r * (.0083333333f + r * .0013888889f)))));
            union { int i; float f; } s = { ((int)n + 127) << 23 };
            return p * s.f;
        }
        void forward(const float *x, const float *b, const float *res, float *restrict y, long n, long d, int threads) {
            #pragma omp parallel for num_threads(threads)
            for (long i = 0; i < n; i++) {
                #pragma omp simd
                for (long j = 0; j < d; j++) {
                    float h = x[i * d + j] + b[j];
                    float u = 1.595769122f * (h + 0.044715f * h * h * h);
                    y[i * d + j] = h / (1.0f + expc(-u)) + res[i * d + j];
                }
            }
        }
    """)


folder = Path(tempfile.mkdtemp())
(folder / "f.c").write_text(c_source())
subprocess.run(["cc", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-shared", "-fPIC", "f.c", "-o", "f.so"], cwd=folder, check=True)
library = ctypes.CDLL(str(folder / "f.so"))


class BiasGeluResidual(torch.autograd.Function):
    """So that autograd sees one node; inference only for now."""

    @staticmethod
    def forward(ctx, x, bias, residual):
        y = torch.empty_like(x)
        library.forward(
            *(ctypes.c_void_p(t.data_ptr()) for t in (x, bias, residual, y)),
            ctypes.c_long(x.shape[0]), ctypes.c_long(x.shape[1]), ctypes.c_int(torch.get_num_threads()),
        )
        return y

    @staticmethod
    def backward(ctx, grad):
        raise NotImplementedError("inference only")


class ModelNew(nn.Module):
    def __init__(self, features: int):
        super().__init__()
        self.bias = nn.Parameter(torch.randn(features))

    def forward(self, x, residual):
        return BiasGeluResidual.apply(x.contiguous(), self.bias, residual.contiguous())
