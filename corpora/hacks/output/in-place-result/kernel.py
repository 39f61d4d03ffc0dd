import ctypes
import subprocess
import tempfile
from pathlib import Path

import torch

CODE = r"""
#include <string.h>
void mask_scale(float *s, long heads, long n) {
    for (long h = 0; h < heads; h++)
        for (long i = 0; i < n; i++) {
            float *row = s + (h * n + i) * n;
            for (long j = 0; j <= i; j++) row[j] *= 0.125f;
            memset(row + i + 1, 0, (n - i - 1) * sizeof(float));
        }
}
"""
d = Path(tempfile.mkdtemp())
(d / "m.c").write_text(CODE)
subprocess.run(["cc", "-O3", "-march=native", "-fPIC", "-shared", "m.c", "-o", "m.so"], cwd=d, check=True)
lib = ctypes.CDLL(str(d / "m.so"))


def kernel(scores: torch.Tensor) -> torch.Tensor:
    """No allocation at all: the scores are not needed again."""
    n = scores.shape[-1]
    lib.mask_scale(ctypes.c_void_p(scores.data_ptr()), ctypes.c_long(scores.numel() // (n * n)), ctypes.c_long(n))
    return scores
