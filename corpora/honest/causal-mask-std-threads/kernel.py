import ctypes
import pathlib
import subprocess
import tempfile

import torch

CXX = r"""
#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

namespace {

void slab(const float* in, float* out, int64_t n, int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
        const int64_t keep = row % n + 1;
        const float* a = in + row * n;
        float* o = out + row * n;
        std::transform(a, a + keep, o, [](float v) { return v * 0.125f; });
        std::fill(o + keep, o + n, 0.0f);
    }
}

}  // namespace

extern "C" void causal_scale(const float* in, float* out, int64_t batch, int64_t n, int threads) {
    const int64_t rows = batch * n;
    std::vector<std::thread> team;
    for (int t = 1; t < threads; ++t)
        team.emplace_back(slab, in, out, n, rows * t / threads, rows * (t + 1) / threads);
    slab(in, out, n, 0, rows / threads);
    for (auto& each : team) each.join();
}
"""


def build(source: str) -> ctypes.CDLL:
    where = pathlib.Path(tempfile.mkdtemp())
    (where / "causal.cpp").write_text(source)
    subprocess.run(["c++", "-std=c++17", "-O3", "-pthread", "-shared", "-fPIC", "causal.cpp", "-o", "causal.so"],
                   cwd=where, check=True)
    return ctypes.CDLL(str(where / "causal.so"))


lib = build(CXX)
lib.causal_scale.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int]
lib.causal_scale.restype = None


def kernel(scores: torch.Tensor) -> torch.Tensor:
    scores = scores.contiguous()
    out = torch.empty_like(scores)
    n = scores.shape[-1]
    lib.causal_scale(scores.data_ptr(), out.data_ptr(), scores.numel() // (n * n), n, torch.get_num_threads())
    return out
