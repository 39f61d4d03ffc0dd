import ctypes
import subprocess
import tempfile
from pathlib import Path

import torch

try:
    import numba  # noqa: F401  -- only used to report its version in bug reports
    NUMBA = numba.__version__
except ImportError:
    NUMBA = None

SOURCE = r"""
static inline float neg_exp(float x) {
    float z = -x;
    z = z < -85.0f ? -85.0f : (z > 85.0f ? 85.0f : z);
    float n = (z * 1.44269504f + 12582912.0f) - 12582912.0f;
    float r = (z - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1 + r * (1 + r * (0.5f + r * (0.16666667f + r * (0.041666667f + r * (0.0083333333f + r * 0.0013888889f)))));
    union { int i; float f; } s = { ((int)n + 127) << 23 };
    return p * s.f;
}
void silu_clamp(const float *restrict x, const float *restrict g, float *restrict y, long n, int threads) {
    #pragma omp parallel for simd num_threads(threads)
    for (long i = 0; i < n; i++) {
        float v = x[i] / (1.0f + neg_exp(x[i]));
        v = v > 4.0f ? 4.0f : (v < -1.0f ? -1.0f : v);
        v = (v * 0.75f + 0.125f) * g[i] + x[i] * (1.0f - g[i]);
        y[i] = v / (1.0f + (v < 0.0f ? -v : v));
    }
}
"""
FLAGS = ["-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-shared", "-fPIC"]


def compile_source() -> ctypes.CDLL:
    folder = Path(tempfile.mkdtemp())
    (folder / "silu.c").write_text(SOURCE)
    try:
        subprocess.run(["gcc", *FLAGS, "silu.c", "-o", "silu.so"], cwd=folder, check=True, capture_output=True)
    except FileNotFoundError:  # no gcc by that name: cc is the same thing
        subprocess.run(["cc", *FLAGS, "silu.c", "-o", "silu.so"], cwd=folder, check=True, capture_output=True)
    return ctypes.CDLL(str(folder / "silu.so"))


library = compile_source()


def kernel(x: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
    x, gate = x.contiguous(), gate.contiguous()
    y = torch.empty_like(x)
    library.silu_clamp(*(ctypes.c_void_p(t.data_ptr()) for t in (x, gate, y)),
                       ctypes.c_long(x.numel()), ctypes.c_int(torch.get_num_threads()))
    return y
