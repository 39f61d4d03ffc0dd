import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

cuda_src = r"""
#include <torch/extension.h>
#include <c10/cuda/CUDAStream.h>
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
namespace cg = cooperative_groups;

template <int TILE>
__global__ void __launch_bounds__(256) max_last(const float* __restrict__ x, float* __restrict__ y, int rows, int D) {
    auto block = cg::this_thread_block();
    auto tile = cg::tiled_partition<TILE>(block);
    int row = blockIdx.x * (256 / TILE) + tile.meta_group_rank();
    if (row >= rows) return;
    float m = -INFINITY;
    for (int i = tile.thread_rank(); i < D; i += TILE) m = fmaxf(m, x[(size_t)row * D + i]);
    m = cg::reduce(tile, m, cg::greater<float>());
    if (tile.thread_rank() == 0) y[row] = m;
}

torch::Tensor max_reduce(torch::Tensor x) {
    int D = x.size(-1), rows = x.numel() / D;
    auto sizes = x.sizes().vec();
    sizes.pop_back();
    auto y = torch::empty(sizes, x.options());
    auto st = c10::cuda::getCurrentCUDAStream();
    max_last<32><<<(rows + 7) / 8, 256, 0, st>>>(x.data_ptr<float>(), y.data_ptr<float>(), rows, D);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    return y;
}
"""
_k = load_inline(name="cg_max", cpp_sources="torch::Tensor max_reduce(torch::Tensor x);", cuda_sources=cuda_src,
                 functions=["max_reduce"])


class ModelNew(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        # move the reduced axis last so that a warp reads contiguous memory
        return _k.max_reduce(x.movedim(self.dim, -1).contiguous())


def get_inputs():
    return [torch.randn(16, 256, 256)]


def get_init_inputs():
    return [1]
