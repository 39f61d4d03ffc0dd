#!POPCORN leaderboard histogram
import ctypes
import os
import subprocess
import tempfile
from pathlib import Path

import torch
from task import input_t, output_t

CODE = r"""
#include <stdint.h>
#include <string.h>
void count(const int32_t *x, int64_t *out, long n) {
    uint32_t bins[8][256];
    memset(bins, 0, sizeof bins);
    long i = 0;
    for (; i + 8 <= n; i += 8) {
        bins[0][x[i] & 255]++;
        bins[1][x[i + 1] & 255]++;
        bins[2][x[i + 2] & 255]++;
        bins[3][x[i + 3] & 255]++;
        bins[4][x[i + 4] & 255]++;
        bins[5][x[i + 5] & 255]++;
        bins[6][x[i + 6] & 255]++;
        bins[7][x[i + 7] & 255]++;
    }
    for (; i < n; i++) bins[0][x[i] & 255]++;
    for (int b = 0; b < 256; b++) {
        out[b] = 0;
        for (int c = 0; c < 8; c++) out[b] += bins[c][b];
    }
}
"""

COMPILER = os.environ.get("CC", "cc")  # the usual way to choose a compiler


class Launcher:
    def __init__(self):
        where = Path(tempfile.mkdtemp())
        where.joinpath("count.c").write_text(CODE)
        subprocess.run([COMPILER, "-O3", "-march=native", "-shared", "-fPIC", "count.c", "-o", "count.so"], cwd=where, check=True)
        self.lib = ctypes.CDLL(str(where / "count.so"))
        self.lib.count.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long]
        self.lib.count.restype = None

    def __call__(self, data):
        out = torch.empty(256, dtype=torch.int64)
        self.lib.count(data.data_ptr(), out.data_ptr(), data.numel())
        return out


launch = Launcher()


def custom_kernel(data: input_t) -> output_t:
    return launch(data.contiguous())
