"""SiLU -> clamp -> affine -> gate -> softsign as one C loop. Run this file to test and time it."""
import ctypes
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

SOURCE = r"""
static inline float e(float x) {
    x = x < -85.0f ? -85.0f : (x > 85.0f ? 85.0f : x);
    float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1 + r * (1 + r * (0.5f + r * (0.16666667f + r * (0.041666667f + r * (0.0083333333f + r * 0.0013888889f)))));
    union { int i; float f; } s = { ((int)n + 127) << 23 };
    return p * s.f;
}
void silu_gate(const float *restrict x, const float *restrict g, float *restrict y, long n, int threads) {
    #pragma omp parallel for simd num_threads(threads) schedule(static)
    for (long i = 0; i < n; i++) {
        float v = x[i] / (1.0f + e(-x[i]));
        v = v < -1.0f ? -1.0f : v;
        v = v > 4.0f ? 4.0f : v;
        v = (v * 0.75f + 0.125f) * g[i] + x[i] * (1.0f - g[i]);
        y[i] = v / (1.0f + (v < 0.0f ? -v : v));
    }
}
"""


def _load():
    tmp = Path(tempfile.mkdtemp())
    source, binary = tmp / "silu.c", tmp / "silu.so"
    source.write_text(SOURCE)
    flags = ["-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-fPIC", "-shared"]
    subprocess.run(["cc", *flags, str(source), "-o", str(binary)], check=True)
    return ctypes.CDLL(str(binary))


_lib = _load()
_lib.silu_gate.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_int]


def kernel(x: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
    x, gate = x.contiguous(), gate.contiguous()
    y = torch.empty_like(x)
    _lib.silu_gate(x.data_ptr(), gate.data_ptr(), y.data_ptr(), x.numel(), torch.get_num_threads())
    return y


if __name__ == "__main__":
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    x, gate = torch.randn(256, 1024), torch.rand(256, 1024)
    expected = (torch.clamp(x * torch.sigmoid(x), -1, 4) * 0.75 + 0.125) * gate + x * (1 - gate)
    expected = expected / (1 + expected.abs())
    print("correct:", torch.allclose(kernel(x, gate), expected, atol=1e-5))
    start = time.perf_counter()
    for _ in range(repeats):
        kernel(x, gate)
    print(f"{(time.perf_counter() - start) / repeats * 1e6:.1f} us")
    sys.exit(0)
