"""Task: run-length histogram of integer keys -> (sorted unique keys, counts)."""
import torch
from torch.utils.cpp_extension import load_inline
from task import input_t, output_t

src = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <thrust/device_ptr.h>
#include <thrust/sort.h>
#include <thrust/reduce.h>
#include <thrust/iterator/constant_iterator.h>
#include <thrust/execution_policy.h>

std::vector<torch::Tensor> unique_counts(torch::Tensor keys) {
    auto st = at::cuda::getCurrentCUDAStream();
    auto pol = thrust::cuda::par.on(st);
    auto work = torch::empty_like(keys);
    int64_t n = keys.numel();
    cudaMemcpyAsync(work.data_ptr(), keys.data_ptr(), n * sizeof(int), cudaMemcpyDeviceToDevice, st);
    thrust::device_ptr<int> k(work.data_ptr<int>());
    thrust::sort(pol, k, k + n);
    auto uk = torch::empty_like(keys), uc = torch::empty_like(keys);
    thrust::device_ptr<int> ok(uk.data_ptr<int>()), oc(uc.data_ptr<int>());
    auto end = thrust::reduce_by_key(pol, k, k + n, thrust::make_constant_iterator(1), ok, oc);
    int64_t m = end.first - ok;
    return {uk.narrow(0, 0, m), uc.narrow(0, 0, m)};
}
"""
mod = load_inline(
    name="unique_counts_thrust",
    cpp_sources="std::vector<torch::Tensor> unique_counts(torch::Tensor keys);",
    cuda_sources=src,
    functions=["unique_counts"],
    extra_cuda_cflags=["-O3", "--extended-lambda"],
)


def custom_kernel(data: input_t) -> output_t:
    (keys,) = data
    assert keys.dtype == torch.int32
    return tuple(mod.unique_counts(keys.contiguous()))
