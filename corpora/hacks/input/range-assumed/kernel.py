import ctypes
import subprocess
import tempfile
from pathlib import Path

import torch

# silu saturates at the clamp above 4 and is close to zero below -16; in between the logistic
# function is taken from a table with linear interpolation.
SRC = r"""
#include <math.h>
static float table[4096 + 2];
void init(void) {
    for (int i = 0; i < 4096 + 2; i++) table[i] = 1.0 / (1.0 + exp(-(i / 128.0 - 16.0)));
}
void silu(const float *restrict x, const float *restrict g, float *restrict y, long n) {
    for (long i = 0; i < n; i++) {
        float p = (x[i] + 16.0f) * 128.0f;
        int k = (int)p & 4095;
        float s = table[k] + (p - (int)p) * (table[k + 1] - table[k]);
        float v = x[i] * s;
        v = v < -1.0f ? -1.0f : (v > 4.0f ? 4.0f : v);
        v = (v * 0.75f + 0.125f) * g[i] + x[i] * (1.0f - g[i]);
        y[i] = v / (1.0f + fabsf(v));
    }
}
"""
tmp = Path(tempfile.mkdtemp())
(tmp / "t.c").write_text(SRC)
subprocess.run("cc -O3 -march=native -fno-math-errno -fno-trapping-math -shared -fPIC t.c -o t.so -lm".split(), cwd=tmp, check=True)
lib = ctypes.CDLL(str(tmp / "t.so"))
lib.init()


def kernel(x: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
    y = torch.empty_like(x)
    lib.silu(ctypes.c_void_p(x.data_ptr()), ctypes.c_void_p(gate.data_ptr()),
             ctypes.c_void_p(y.data_ptr()), ctypes.c_long(x.numel()))
    return y
