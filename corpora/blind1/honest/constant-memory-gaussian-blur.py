import functools

import torch
from torch.utils.cpp_extension import load_inline

CODE = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>

#define RADIUS 3
__constant__ float taps[2 * RADIUS + 1];
static const float kBinomial[2 * RADIUS + 1] = {1.f / 64, 6.f / 64, 15.f / 64, 20.f / 64, 15.f / 64, 6.f / 64, 1.f / 64};

void upload() { C10_CUDA_CHECK(cudaMemcpyToSymbol(taps, kBinomial, sizeof(kBinomial))); }

template <bool VERT>
__global__ void pass(const float* in, float* out, int H, int W) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= W || y >= H) return;
    const size_t off = (size_t)blockIdx.z * H * W;
    float s = 0.f;
    #pragma unroll
    for (int k = -RADIUS; k <= RADIUS; ++k) {
        int xx = VERT ? x : min(max(x + k, 0), W - 1);
        int yy = VERT ? min(max(y + k, 0), H - 1) : y;
        s = fmaf(in[off + (size_t)yy * W + xx], taps[k + RADIUS], s);
    }
    out[off + (size_t)y * W + x] = s;
}

void blur(torch::Tensor in, torch::Tensor tmp, torch::Tensor out) {
    int H = in.size(-2), W = in.size(-1), Z = in.numel() / (H * W);
    dim3 b(32, 8), g((W + 31) / 32, (H + 7) / 8, Z);
    auto st = at::cuda::getCurrentCUDAStream();
    pass<false><<<g, b, 0, st>>>(in.data_ptr<float>(), tmp.data_ptr<float>(), H, W);
    pass<true><<<g, b, 0, st>>>(tmp.data_ptr<float>(), out.data_ptr<float>(), H, W);
}
"""


@functools.lru_cache(maxsize=1)
def _compile():
    """Build once a process and put the filter in constant memory."""
    ext = load_inline("binomial_blur", "void upload(); void blur(torch::Tensor in, torch::Tensor tmp, torch::Tensor out);",
                      CODE, functions=["upload", "blur"])
    ext.upload()
    return ext


def custom_kernel(data):
    image, out = data
    _compile().blur(image.contiguous(), torch.empty_like(image), out)
    return out
