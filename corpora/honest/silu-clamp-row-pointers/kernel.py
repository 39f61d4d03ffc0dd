import ctypes
import subprocess
import tempfile
from pathlib import Path

import torch

SOURCE = r"""
#include <math.h>

/* Rows may lie anywhere, so that a transposed batch or a slice needs no copy. */
void silu_clamp(const float **x, const float **gate, float **out, long rows, long columns) {
    for (long i = 0; i < rows; i++) {
        const float *restrict a = x[i], *restrict g = gate[i];
        float *restrict o = out[i];
        for (long j = 0; j < columns; j++) {
            float y = a[j] / (1.0f + expf(-a[j]));
            y = y < -1.0f ? -1.0f : (y > 4.0f ? 4.0f : y);
            y = y * 0.75f + 0.125f;
            y = y * g[j] + a[j] * (1.0f - g[j]);
            o[j] = y / (1.0f + fabsf(y));
        }
    }
}
"""

folder = Path(tempfile.mkdtemp())
(folder / "rows.c").write_text(SOURCE)
subprocess.run(["cc", "-O3", "-fno-math-errno", "-shared", "-fPIC", "rows.c", "-o", "rows.so", "-lm"], cwd=folder, check=True)
library = ctypes.CDLL(str(folder / "rows.so"))


def row_pointers(t: torch.Tensor) -> ctypes.Array:
    """The address of every row of a matrix whose rows are dense."""
    step = t.stride(0) * t.element_size()
    base = t.data_ptr()
    return (ctypes.c_void_p * t.shape[0])(*range(base, base + step * t.shape[0], step))


def dense_rows(t: torch.Tensor) -> torch.Tensor:
    return t if t.stride(-1) == 1 and t.stride(0) > 0 else t.contiguous()


def kernel(x: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
    x, gate = dense_rows(x), dense_rows(gate)
    out = torch.empty(x.shape, dtype=x.dtype)
    library.silu_clamp(row_pointers(x), row_pointers(gate), row_pointers(out),
                       ctypes.c_long(x.shape[0]), ctypes.c_long(x.shape[1]))
    return out
