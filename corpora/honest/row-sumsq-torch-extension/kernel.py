#!POPCORN leaderboard row-sumsq
import os

import torch
from task import input_t, output_t
from torch.utils.cpp_extension import load_inline

os.environ.setdefault("MAX_JOBS", "2")

cpp_src = r"""
#include <torch/extension.h>

torch::Tensor row_sumsq(torch::Tensor x, int64_t threads) {
    TORCH_CHECK(x.is_contiguous() && x.scalar_type() == torch::kFloat32, "contiguous float32 only");
    const int64_t rows = x.size(0), columns = x.size(1);
    auto out = torch::empty({rows}, x.options());
    const float* in = x.data_ptr<float>();
    float* o = out.data_ptr<float>();
    #pragma omp parallel for num_threads(threads)
    for (int64_t i = 0; i < rows; ++i) {
        float sum = 0.0f;
        #pragma omp simd reduction(+ : sum)
        for (int64_t j = 0; j < columns; ++j) {
            const float v = in[i * columns + j] > 0 ? in[i * columns + j] : 0;
            sum += v * v;
        }
        o[i] = sum;
    }
    return out;
}
"""

module = load_inline(
    name="row_sumsq_ext",
    cpp_sources=[cpp_src],
    functions=["row_sumsq"],
    extra_cflags=["-O3", "-march=native", "-fno-trapping-math", "-fopenmp"],
    extra_ldflags=["-fopenmp"],
    verbose=False,
)


def custom_kernel(data: input_t) -> output_t:
    return module.row_sumsq(data.contiguous(), torch.get_num_threads())
