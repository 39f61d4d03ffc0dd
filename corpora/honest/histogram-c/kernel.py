#!POPCORN leaderboard histogram
import ctypes
import string
import subprocess
import tempfile
from pathlib import Path

import torch
from task import input_t, output_t

# Neighbouring equal values would wait on one counter, so there are COPIES of every bin.
TEMPLATE = string.Template(r"""
#include <stdint.h>
#include <string.h>

void histogram(const int32_t *x, int64_t *out, long n) {
    uint32_t local[$COPIES][256];
    memset(local, 0, sizeof local);
    long i = 0;
    for (; i + $COPIES <= n; i += $COPIES) {
$BODY
    }
    for (; i < n; i++) local[0][x[i] & 255]++;
    for (int b = 0; b < 256; b++) {
        int64_t sum = 0;
        for (int c = 0; c < $COPIES; c++) sum += local[c][b];
        out[b] = sum;
    }
}
""")


def generate(copies: int) -> str:
    body = "\n".join(f"        local[{c}][x[i + {c}] & 255]++;" for c in range(copies))
    return TEMPLATE.substitute(COPIES=copies, BODY=body)


folder = Path(tempfile.mkdtemp())
(folder / "histogram.c").write_text(generate(copies=8))
subprocess.run("cc -O3 -march=native -shared -fPIC histogram.c -o histogram.so".split(), cwd=folder, check=True)
_histogram = ctypes.CDLL(str(folder / "histogram.so")).histogram
_histogram.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long]


def custom_kernel(data: input_t) -> output_t:
    data = data.contiguous()
    out = torch.empty(256, dtype=torch.int64)
    _histogram(data.data_ptr(), out.data_ptr(), data.numel())
    return out
