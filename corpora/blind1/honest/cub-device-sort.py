#!POPCORN leaderboard sort
#!POPCORN gpus A100 H100
"""Radix sort with CUB, which the rules of this leaderboard allow."""
import torch
from torch.utils.cpp_extension import load_inline
from task import input_t, output_t

SRC = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <cub/cub.cuh>

int64_t temp_bytes(int64_t n) {
    size_t bytes = 0;
    cub::DeviceRadixSort::SortKeys<float>(nullptr, bytes, nullptr, nullptr, (int)n);
    return (int64_t)bytes;
}

void sort_keys(torch::Tensor x, torch::Tensor out, torch::Tensor tmp) {
    size_t bytes = tmp.numel();
    auto st = at::cuda::getCurrentCUDAStream();
    C10_CUDA_CHECK(cub::DeviceRadixSort::SortKeys(
        tmp.data_ptr(), bytes, x.data_ptr<float>(), out.data_ptr<float>(), (int)x.numel(), 0, 32, st));
}
"""
DECL = "int64_t temp_bytes(int64_t n); void sort_keys(torch::Tensor x, torch::Tensor out, torch::Tensor tmp);"

ext = load_inline("cub_sort", DECL, SRC, functions=["temp_bytes", "sort_keys"], with_cuda=True)

_temp = {}


def _workspace(n: int, device) -> torch.Tensor:
    """CUB's temporary storage; its size depends on n only."""
    key = (n, device)
    if key not in _temp:
        _temp[key] = torch.empty(ext.temp_bytes(n), dtype=torch.uint8, device=device)
    return _temp[key]


def custom_kernel(data: input_t) -> output_t:
    x, out = data
    ext.sort_keys(x, out, _workspace(x.numel(), x.device))
    return out
