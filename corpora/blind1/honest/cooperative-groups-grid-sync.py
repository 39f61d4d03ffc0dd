import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

src = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
namespace cg = cooperative_groups;

__global__ void l2_normalize(const float* x, float* y, float* total, long n) {
    cg::grid_group grid = cg::this_grid();
    cg::thread_block block = cg::this_thread_block();
    auto warp = cg::tiled_partition<32>(block);
    if (grid.thread_rank() == 0) *total = 0.f;
    grid.sync();
    float s = 0.f;
    for (long i = grid.thread_rank(); i < n; i += grid.size()) s = fmaf(x[i], x[i], s);
    s = cg::reduce(warp, s, cg::plus<float>());
    if (warp.thread_rank() == 0) atomicAdd(total, s);
    grid.sync();
    float inv = rsqrtf(*total);
    for (long i = grid.thread_rank(); i < n; i += grid.size()) y[i] = x[i] * inv;
}

torch::Tensor frobenius(torch::Tensor x) {
    auto y = torch::empty_like(x);
    auto total = torch::empty({1}, x.options());
    // occupancy does not change between calls
    static const int blocks = [] {
        int dev, sms, per;
        cudaGetDevice(&dev);
        cudaDeviceGetAttribute(&sms, cudaDevAttrMultiProcessorCount, dev);
        cudaOccupancyMaxActiveBlocksPerMultiprocessor(&per, l2_normalize, 256, 0);
        return sms * per;
    }();
    const float* xp = x.data_ptr<float>();
    float* yp = y.data_ptr<float>();
    float* tp = total.data_ptr<float>();
    long n = x.numel();
    void* args[] = {&xp, &yp, &tp, &n};
    C10_CUDA_CHECK(cudaLaunchCooperativeKernel((void*)l2_normalize, dim3(blocks), dim3(256), args, 0,
                                               at::cuda::getCurrentCUDAStream()));
    return y;
}
"""

_ext = load_inline(name="frobenius_coop", cpp_sources="torch::Tensor frobenius(torch::Tensor x);",
                   cuda_sources=src, functions=["frobenius"])


class ModelNew(nn.Module):
    """Frobenius-norm normalisation in a single cooperative launch."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _ext.frobenius(x.contiguous())
