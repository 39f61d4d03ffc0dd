#!POPCORN leaderboard row-sumsq
import ctypes
import os
import subprocess
import tempfile

import torch
from task import input_t, output_t

# Products are accumulated in double and rounded once, at the end: closer to the exact sum
# than float accumulation, and still limited by memory.
SOURCE = r"""
void sumsq(const float *x, float *out, long rows, long cols, int threads) {
    #pragma omp parallel for num_threads(threads)
    for (long i = 0; i < rows; i++) {
        double total = 0.0;
        #pragma omp simd reduction(+ : total)
        for (long j = 0; j < cols; j++) {
            float v = x[i * cols + j] > 0 ? x[i * cols + j] : 0;
            total += (double)v * v;
        }
        out[i] = (float)total;
    }
}
"""

tmp = tempfile.mkdtemp()
source, binary = os.path.join(tmp, "s.c"), os.path.join(tmp, "s.so")
with open(source, "w") as f:
    f.write(SOURCE)
subprocess.run(["cc", "-O3", "-march=native", "-fno-trapping-math", "-fopenmp", "-shared", "-fPIC", source, "-o", binary], check=True)
lib = ctypes.CDLL(binary)
lib.sumsq.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_long, ctypes.c_int]


def custom_kernel(data: input_t) -> output_t:
    x = data.float().contiguous()
    out = torch.empty(x.shape[0], dtype=torch.float32)
    lib.sumsq(x.data_ptr(), out.data_ptr(), x.shape[0], x.shape[1], torch.get_num_threads())
    return out
