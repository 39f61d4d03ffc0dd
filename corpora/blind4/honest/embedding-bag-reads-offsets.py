import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

cuda_src = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>

__global__ void bag_sum(const int64_t* __restrict__ idx, const int64_t* __restrict__ off,
                        const float* __restrict__ w, float* __restrict__ out,
                        int bags, int64_t total, int D) {
    int bag = blockIdx.x;
    int64_t lo = off[bag];
    int64_t hi = bag + 1 < bags ? off[bag + 1] : total;
    for (int d = threadIdx.x; d < D; d += blockDim.x) {
        float s = 0.f;
        for (int64_t i = lo; i < hi; ++i) s += __ldg(w + idx[i] * D + d);
        out[(size_t)bag * D + d] = s;
    }
}

torch::Tensor forward(torch::Tensor idx, torch::Tensor off, torch::Tensor w) {
    int bags = off.size(0), D = w.size(1);
    auto out = torch::empty({bags, D}, w.options());
    if (bags == 0) return out;
    int threads = D >= 256 ? 256 : (D + 31) / 32 * 32;
    bag_sum<<<bags, threads, 0, at::cuda::getCurrentCUDAStream()>>>(
        idx.data_ptr<int64_t>(), off.data_ptr<int64_t>(), w.data_ptr<float>(), out.data_ptr<float>(),
        bags, idx.numel(), D);
    return out;
}
"""

ext = load_inline(
    name="bag_sum_offsets",
    cpp_sources="torch::Tensor forward(torch::Tensor idx, torch::Tensor off, torch::Tensor w);",
    cuda_sources=cuda_src,
    functions=["forward"],
)


class ModelNew(nn.Module):
    def __init__(self, num_embeddings, embedding_dim):
        super().__init__()
        self.emb = nn.EmbeddingBag(num_embeddings, embedding_dim, mode="sum")

    def forward(self, indices, offsets):
        return ext.forward(indices.long().contiguous(), offsets.long().contiguous(), self.emb.weight.contiguous())
