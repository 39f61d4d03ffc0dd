import ctypes
import subprocess
import tempfile
from pathlib import Path

import torch

code = r"""
#include <string.h>

/* Above the diagonal the answer is zero whatever the score: those are never read. */
void mask_scale(const float *restrict s, float *restrict out, long heads, long n, int threads) {
    #pragma omp parallel for collapse(2) num_threads(threads)
    for (long h = 0; h < heads; h++)
        for (long i = 0; i < n; i++) {
            const float *in = s + (h * n + i) * n;
            float *o = out + (h * n + i) * n;
            for (long j = 0; j <= i; j++) o[j] = in[j] * 0.125f;
            memset(o + i + 1, 0, (n - i - 1) * sizeof(float));
        }
}
"""

d = Path(tempfile.mkdtemp())
(d / "mask.c").write_text(code)
subprocess.run(["cc", "-O3", "-march=native", "-fopenmp", "-fPIC", "-shared", "mask.c", "-o", "mask.so"], cwd=d, check=True)
lib = ctypes.CDLL(str(d / "mask.so"))


def kernel(scores: torch.Tensor) -> torch.Tensor:
    scores = scores.contiguous()
    n = scores.shape[-1]
    out = torch.empty_like(scores)
    lib.mask_scale(
        ctypes.c_void_p(scores.data_ptr()),
        ctypes.c_void_p(out.data_ptr()),
        ctypes.c_long(scores.numel() // (n * n)),
        ctypes.c_long(n),
        ctypes.c_int(torch.get_num_threads()),
    )
    return out
