import ctypes
import tempfile

import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

cpp_source = r"""
#include <cstdint>

static inline float fast_exp(float x) {
    x = x < -80.0f ? -80.0f : (x > 80.0f ? 80.0f : x);
    float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.0f + r * (1.0f + r * (0.5f + r * (1.0f / 6 + r * (1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720))))));
    union { int32_t i; float f; } s;
    s.i = ((int32_t)n + 127) << 23;
    return p * s.f;
}

// y = gelu_tanh(x + bias) + residual, everything in registers
extern "C" void bias_gelu_residual(const float* __restrict x, const float* __restrict bias,
                                   const float* __restrict residual, float* __restrict y,
                                   int64_t rows, int64_t features, int threads) {
    #pragma omp parallel for num_threads(threads)
    for (int64_t i = 0; i < rows; ++i) {
        const float* xr = x + i * features;
        const float* rr = residual + i * features;
        float* yr = y + i * features;
        for (int64_t j = 0; j < features; ++j) {
            float h = xr[j] + bias[j];
            float u = 0.7978845608f * (h + 0.044715f * h * h * h);
            float t = 1.0f - 2.0f / (fast_exp(2.0f * u) + 1.0f);
            yr[j] = 0.5f * h * (1.0f + t) + rr[j];
        }
    }
}
"""

path = load_inline(
    name="bias_gelu_residual",
    cpp_sources=cpp_source,
    functions=None,
    is_python_module=False,
    no_implicit_headers=True,
    extra_cflags=["-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp"],
    extra_ldflags=["-fopenmp"],
    build_directory=tempfile.mkdtemp(),
)
fused = ctypes.CDLL(path).bias_gelu_residual
fused.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_int64, ctypes.c_int64, ctypes.c_int]
fused.restype = None


class ModelNew(nn.Module):
    """Fused bias + GELU (tanh) + residual."""

    def __init__(self, features: int):
        super().__init__()
        self.bias = nn.Parameter(torch.randn(features))

    def forward(self, x: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        x = x.contiguous()
        residual = residual.contiguous()
        out = torch.empty_like(x)
        fused(x.data_ptr(), self.bias.data_ptr(), residual.data_ptr(), out.data_ptr(),
              x.numel() // x.shape[-1], x.shape[-1], torch.get_num_threads())
        return out
