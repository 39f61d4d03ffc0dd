import ctypes
import subprocess
import tempfile
from pathlib import Path

import torch
import torch.nn as nn

# Tiled GEMM with the bias and the ReLU in the epilogue. Each tile of W is reused for a
# block of rows while it sits in L1; the inner loop runs over contiguous columns.
SRC = r"""
#define TILE_K 64
#define TILE_N 64
void linear_relu(const float *restrict a, const float *restrict w, const float *restrict bias,
                 float *restrict c, long m, long k, long n) {
    for (long j0 = 0; j0 < n; j0 += TILE_N) {
        long j1 = j0 + TILE_N < n ? j0 + TILE_N : n;
        for (long i = 0; i < m; i++)
            for (long j = j0; j < j1; j++) c[i * n + j] = bias[j];
        for (long k0 = 0; k0 < k; k0 += TILE_K) {
            long k1 = k0 + TILE_K < k ? k0 + TILE_K : k;
            for (long i = 0; i < m; i++)
                for (long p = k0; p < k1; p++) {
                    float v = a[i * k + p];
                    for (long j = j0; j < j1; j++) c[i * n + j] += v * w[p * n + j];
                }
        }
        for (long i = 0; i < m; i++)
            for (long j = j0; j < j1; j++) c[i * n + j] = c[i * n + j] > 0 ? c[i * n + j] : 0;
    }
}
"""


def compile_c(source: str) -> ctypes.CDLL:
    where = Path(tempfile.mkdtemp())
    (where / "gemm.c").write_text(source)
    command = "cc -O3 -march=native -shared -fPIC gemm.c -o gemm.so"
    subprocess.run(command.split(), cwd=where, check=True)
    return ctypes.CDLL(str(where / "gemm.so"))


gemm = compile_c(SRC).linear_relu
gemm.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_long] * 3


class ModelNew(nn.Module):
    def __init__(self, in_features: int, out_features: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(in_features, out_features) / in_features**0.5)
        self.bias = nn.Parameter(torch.randn(out_features))

    def forward(self, x):
        x = x.contiguous()
        m, k = x.shape
        n = self.weight.shape[1]
        out = torch.empty(m, n)
        gemm(x.data_ptr(), self.weight.data_ptr(), self.bias.data_ptr(), out.data_ptr(), m, k, n)
        return out
