import torch
from torch.utils.cpp_extension import load_inline

cuda = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>

__global__ void axpby(const float* x, const float* y, float* o, float a, float b, long n) {
    for (long i = blockIdx.x * (long)blockDim.x + threadIdx.x; i < n; i += (long)gridDim.x * blockDim.x)
        o[i] = a * x[i] + b * y[i];
}

// Adam moments: m and v are independent, so v goes to a pool stream.
void moments(torch::Tensor g, torch::Tensor g2, torch::Tensor m, torch::Tensor v, torch::Tensor mo, torch::Tensor vo) {
    const c10::cuda::CUDAGuard guard(g.device());
    auto main = at::cuda::getCurrentCUDAStream();
    auto side = at::cuda::getStreamFromPool(/*isHighPriority=*/false);
    at::cuda::CUDAEvent fork, join;
    fork.record(main);
    fork.block(side);
    axpby<<<512, 256, 0, side>>>(g2.data_ptr<float>(), v.data_ptr<float>(), vo.data_ptr<float>(), 0.001f, 0.999f, g.numel());
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    join.record(side);
    axpby<<<512, 256, 0, main>>>(g.data_ptr<float>(), m.data_ptr<float>(), mo.data_ptr<float>(), 0.1f, 0.9f, g.numel());
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    join.block(main);  // everything later on the caller's stream sees vo
}
"""

ext = load_inline(
    name="adam_moments",
    cpp_sources="void moments(torch::Tensor g, torch::Tensor g2, torch::Tensor m, torch::Tensor v,"
                " torch::Tensor mo, torch::Tensor vo);",
    cuda_sources=cuda,
    functions=["moments"],
)


def custom_kernel(data):
    grad, grad_sq, m, v, m_out, v_out = data
    ext.moments(grad, grad_sq, m, v, m_out, v_out)
    return m_out, v_out
