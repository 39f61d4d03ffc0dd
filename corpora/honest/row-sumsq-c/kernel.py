#!POPCORN leaderboard row-sumsq
import ctypes
import subprocess
import tempfile
from pathlib import Path

import torch
from task import input_t, output_t

C_SOURCE = r"""
/* four independent chains hide the latency of the fused multiply-add */
static inline float sq(float v) { v = v > 0 ? v : 0; return v * v; }

void row_sumsq(const float *x, float *out, long rows, long columns, int threads) {
    #pragma omp parallel for num_threads(threads)
    for (long i = 0; i < rows; i++) {
        const float *r = x + i * columns;
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        long j = 0;
        long quarter = columns / 4;
        #pragma omp simd reduction(+ : s0, s1, s2, s3)
        for (j = 0; j < quarter; j++) {
            s0 += sq(r[j]);
            s1 += sq(r[j + quarter]);
            s2 += sq(r[j + 2 * quarter]);
            s3 += sq(r[j + 3 * quarter]);
        }
        for (j = 4 * quarter; j < columns; j++) s0 += sq(r[j]);
        out[i] = (s0 + s1) + (s2 + s3);
    }
}
"""

build_dir = Path(tempfile.mkdtemp())
(build_dir / "sumsq.c").write_text(C_SOURCE)
subprocess.run(
    ["cc", "-O3", "-march=native", "-fno-trapping-math", "-fopenmp", "-shared", "-fPIC", "-o", "sumsq.so", "sumsq.c"],
    cwd=build_dir, check=True,
)
native = ctypes.CDLL(str(build_dir / "sumsq.so"))


def custom_kernel(data: input_t) -> output_t:
    rows, columns = data.shape
    out = torch.empty(rows, dtype=torch.float32)
    native.row_sumsq(
        ctypes.c_void_p(data.contiguous().data_ptr()), ctypes.c_void_p(out.data_ptr()),
        ctypes.c_long(rows), ctypes.c_long(columns), ctypes.c_int(torch.get_num_threads()),
    )
    return out
