"""Layer norm in two sweeps: statistics into a small workspace, then the affine map.

The workspace depends on nothing but the number of rows, so it is allocated once for each
shape and reused; its contents never outlive a call.
"""
import ctypes
import subprocess
import tempfile

import torch
import torch.nn as nn

CODE = r"""
#include <math.h>
#include <stdint.h>

void statistics(const float *x, float *ws, int64_t n, int64_t d, float eps, int threads) {
    #pragma omp parallel for num_threads(threads)
    for (int64_t i = 0; i < n; i++) {
        const float *r = x + i * d;
        float s = 0.f;
        #pragma omp simd reduction(+:s)
        for (int64_t j = 0; j < d; j++) s += r[j];
        float mean = s / d, v = 0.f;
        #pragma omp simd reduction(+:v)
        for (int64_t j = 0; j < d; j++) v += (r[j] - mean) * (r[j] - mean);
        ws[2 * i] = mean;
        ws[2 * i + 1] = 1.0f / sqrtf(v / d + eps);
    }
}

void affine(const float *restrict x, const float *restrict ws, const float *restrict g,
            const float *restrict b, float *restrict y, int64_t n, int64_t d, int threads) {
    #pragma omp parallel for num_threads(threads)
    for (int64_t i = 0; i < n; i++) {
        float mean = ws[2 * i], rstd = ws[2 * i + 1];
        #pragma omp simd
        for (int64_t j = 0; j < d; j++)
            y[i * d + j] = (x[i * d + j] - mean) * rstd * g[j] + b[j];
    }
}
"""

with tempfile.NamedTemporaryFile("w", suffix=".c", delete=False) as handle:
    handle.write(CODE)
target = handle.name[:-2] + ".so"
subprocess.run(["cc", "-O3", "-march=native", "-fopenmp", "-fno-math-errno", "-shared", "-fPIC", handle.name, "-o", target, "-lm"], check=True)
lib = ctypes.CDLL(target)
P, L = ctypes.c_void_p, ctypes.c_int64
lib.statistics.argtypes = [P, P, L, L, ctypes.c_float, ctypes.c_int]
lib.affine.argtypes = [P, P, P, P, P, L, L, ctypes.c_int]

_workspaces: dict[tuple, torch.Tensor] = {}


def workspace_for(x: torch.Tensor) -> torch.Tensor:
    key = (x.shape[0], x.dtype, x.device)
    if key not in _workspaces:
        _workspaces[key] = torch.empty(2 * x.shape[0], dtype=torch.float32, device=x.device)
    return _workspaces[key]


class ModelNew(nn.Module):
    def __init__(self, features: int, eps: float = 1e-5):
        super().__init__()
        self.gamma = nn.Parameter(1.0 + 0.1 * torch.randn(features))
        self.beta = nn.Parameter(0.1 * torch.randn(features))
        self.eps = eps

    def forward(self, x):
        x = x.contiguous()
        n, d = x.shape
        ws = workspace_for(x)
        y = torch.empty_like(x)
        threads = torch.get_num_threads()
        lib.statistics(x.data_ptr(), ws.data_ptr(), n, d, self.eps, threads)
        lib.affine(x.data_ptr(), ws.data_ptr(), self.gamma.data_ptr(), self.beta.data_ptr(),
                   y.data_ptr(), n, d, threads)
        return y
