"""Layer norm with gamma and beta packed into one buffer, beta after gamma.

The packed copy is rebuilt whenever either parameter changes: PyTorch bumps `_version` on every
in-place write, and load_state_dict writes in place.
"""
import ctypes
import subprocess
import tempfile
from pathlib import Path

import torch
import torch.nn as nn

KERNEL = r"""
#include <math.h>
void layer_norm(const float *restrict x, const float *restrict packed, float *restrict y,
                long n, long d, float eps, int threads) {
    #pragma omp parallel for num_threads(threads)
    for (long i = 0; i < n; i++) {
        const float *a = x + i * d;
        float *o = y + i * d;
        float s = 0, q = 0;
        #pragma omp simd reduction(+ : s)
        for (long j = 0; j < d; j++) s += a[j];
        const float mean = s / d;
        #pragma omp simd reduction(+ : q)
        for (long j = 0; j < d; j++) q += (a[j] - mean) * (a[j] - mean);
        const float scale = 1.0f / sqrtf(q / d + eps);
        #pragma omp simd
        for (long j = 0; j < d; j++) o[j] = (a[j] - mean) * scale * packed[j] + packed[d + j];
    }
}
"""


def compiled(source: str) -> ctypes.CDLL:
    where = Path(tempfile.mkdtemp())
    (where / "ln.c").write_text(source)
    subprocess.run(
        ["cc", "-O3", "-march=native", "-fno-math-errno", "-fopenmp", "-shared", "-fPIC", "ln.c", "-o", "ln.so", "-lm"],
        cwd=where, check=True,
    )
    return ctypes.CDLL(str(where / "ln.so"))


lib = compiled(KERNEL)
lib.layer_norm.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_long, ctypes.c_long, ctypes.c_float, ctypes.c_int]


class ModelNew(nn.Module):
    def __init__(self, features: int, eps: float = 1e-5):
        super().__init__()
        self.gamma = nn.Parameter(1.0 + 0.1 * torch.randn(features))
        self.beta = nn.Parameter(0.1 * torch.randn(features))
        self.eps = eps
        self._packed = None
        self._packed_from = None

    def packed(self) -> torch.Tensor:
        now = (self.gamma._version, self.beta._version, self.gamma.data_ptr(), self.beta.data_ptr())
        if self._packed_from != now:
            self._packed = torch.cat([self.gamma.detach(), self.beta.detach()])
            self._packed_from = now
        return self._packed

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.contiguous()
        y = torch.empty_like(x)
        lib.layer_norm(x.data_ptr(), self.packed().data_ptr(), y.data_ptr(), x.shape[0], x.shape[1],
                       self.eps, torch.get_num_threads())
        return y
