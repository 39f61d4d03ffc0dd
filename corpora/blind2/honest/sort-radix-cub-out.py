import torch
from torch.utils.cpp_extension import load_inline
from task import input_t, output_t

cuda_src = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <cub/device/device_radix_sort.cuh>

void radix_sort(torch::Tensor in, torch::Tensor out, torch::Tensor ws) {
    auto st = at::cuda::getCurrentCUDAStream();
    size_t bytes = ws.numel();
    auto err = cub::DeviceRadixSort::SortKeys(ws.data_ptr(), bytes, in.data_ptr<float>(), out.data_ptr<float>(),
                                              (int)in.numel(), 0, 32, st);
    TORCH_CHECK(err == cudaSuccess, cudaGetErrorString(err));
}

int64_t workspace_bytes(int64_t n) {
    size_t bytes = 0;
    cub::DeviceRadixSort::SortKeys(nullptr, bytes, (const float*)nullptr, (float*)nullptr, (int)n);
    return (int64_t)bytes;
}
"""
ext = load_inline(
    name="radix_keys",
    cpp_sources="void radix_sort(torch::Tensor in, torch::Tensor out, torch::Tensor ws); int64_t workspace_bytes(int64_t n);",
    cuda_sources=cuda_src,
    functions=["radix_sort", "workspace_bytes"],
)

_ws = {}


def custom_kernel(data: input_t) -> output_t:
    x, out = data
    n = x.numel()
    if n not in _ws:
        _ws[n] = torch.empty(ext.workspace_bytes(n), dtype=torch.uint8, device=x.device)
    ext.radix_sort(x, out, _ws[n])
    return out
