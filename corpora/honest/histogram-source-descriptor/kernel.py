#!POPCORN leaderboard histogram
import ctypes
import os
import subprocess
import tempfile

import torch
from task import input_t, output_t

SOURCE = rb"""
#include <stdint.h>
#include <string.h>

/* Four tables, so that equal neighbours do not wait for each other's store. */
void histogram(const int32_t *v, int64_t n, int64_t *out) {
    static const int BINS = 256;
    int32_t t[4][256];
    memset(t, 0, sizeof t);
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        t[0][v[i] & 255]++;
        t[1][v[i + 1] & 255]++;
        t[2][v[i + 2] & 255]++;
        t[3][v[i + 3] & 255]++;
    }
    for (; i < n; i++) t[0][v[i] & 255]++;
    for (int b = 0; b < BINS; b++) out[b] = (int64_t)t[0][b] + t[1][b] + t[2][b] + t[3][b];
}
"""


def compiled() -> ctypes.CDLL:
    """Hands the source over in a file of its own descriptor, and keeps the compiler's log apart."""
    source, path = tempfile.mkstemp(suffix=".c")
    try:
        os.write(source, SOURCE)
    finally:
        os.close(source)
    log, log_path = tempfile.mkstemp(suffix=".log")
    library = path[:-2] + ".so"
    try:
        subprocess.run(["cc", "-O3", "-march=native", "-shared", "-fPIC", path, "-o", library],
                       stdout=log, stderr=log, check=True)
        return ctypes.CDLL(library)
    finally:
        os.close(log)
        os.unlink(log_path)
        os.unlink(path)


_lib = compiled()
_lib.histogram.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p]
_lib.histogram.restype = None


def custom_kernel(data: input_t) -> output_t:
    data = data.contiguous()
    out = torch.empty(256, dtype=torch.int64)
    _lib.histogram(data.data_ptr(), data.numel(), out.data_ptr())
    return out
