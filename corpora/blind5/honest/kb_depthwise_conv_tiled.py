import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

_cuda = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAException.h>

#define TILE_W 32
#define TILE_H 16
#define THREADS_Y 8

// Input tile plus halo in shared memory; each thread makes TILE_H / THREADS_Y outputs.
template <int K>
__global__ void depthwise_tiled(const float* __restrict__ x, const float* __restrict__ w,
                                const float* __restrict__ bias, float* __restrict__ y,
                                int C, int H, int W, int OH, int OW, int pad) {
    constexpr int SH = TILE_H + K - 1;
    constexpr int SW = TILE_W + K - 1;
    __shared__ float tile[SH][SW + 1];
    __shared__ float wt[K * K];

    const int64_t plane = blockIdx.z;
    const int c = plane % C;
    const int oh0 = blockIdx.y * TILE_H, ow0 = blockIdx.x * TILE_W;
    const float* src = x + plane * H * W;

    const int t = threadIdx.y * TILE_W + threadIdx.x;
    if (t < K * K) wt[t] = w[c * K * K + t];
    for (int i = t; i < SH * SW; i += TILE_W * THREADS_Y) {
        const int r = i / SW, q = i % SW;
        const int h = oh0 + r - pad, v = ow0 + q - pad;
        tile[r][q] = (h >= 0 && h < H && v >= 0 && v < W) ? src[(int64_t)h * W + v] : 0.0f;
    }
    __syncthreads();

    const float b = bias ? bias[c] : 0.0f;
    const int ow = ow0 + threadIdx.x;
#pragma unroll
    for (int rr = 0; rr < TILE_H; rr += THREADS_Y) {
        const int r = rr + threadIdx.y;
        const int oh = oh0 + r;
        float acc = b;
#pragma unroll
        for (int i = 0; i < K; ++i)
#pragma unroll
            for (int j = 0; j < K; ++j) acc = fmaf(tile[r + i][threadIdx.x + j], wt[i * K + j], acc);
        if (oh < OH && ow < OW) y[plane * OH * OW + (int64_t)oh * OW + ow] = acc;
    }
}

// Any kernel size and stride.
__global__ void depthwise_any(const float* __restrict__ x, const float* __restrict__ w,
                              const float* __restrict__ bias, float* __restrict__ y,
                              int C, int H, int W, int OH, int OW, int K, int stride, int pad, int64_t total) {
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < total;
         i += (int64_t)gridDim.x * blockDim.x) {
        const int ow = i % OW;
        const int oh = (i / OW) % OH;
        const int64_t plane = i / ((int64_t)OW * OH);
        const int c = plane % C;
        float acc = bias ? bias[c] : 0.0f;
        for (int r = 0; r < K; ++r) {
            const int h = oh * stride - pad + r;
            if (h < 0 || h >= H) continue;
            for (int s = 0; s < K; ++s) {
                const int v = ow * stride - pad + s;
                if (v < 0 || v >= W) continue;
                acc = fmaf(x[(plane * H + h) * W + v], w[((int64_t)c * K + r) * K + s], acc);
            }
        }
        y[i] = acc;
    }
}

torch::Tensor depthwise(torch::Tensor x, torch::Tensor w, c10::optional<torch::Tensor> bias,
                        int64_t stride, int64_t pad) {
    const at::cuda::CUDAGuard guard(x.device());
    x = x.contiguous();
    w = w.contiguous();
    TORCH_CHECK(x.scalar_type() == at::kFloat && w.scalar_type() == at::kFloat);
    const int64_t N = x.size(0), C = x.size(1), H = x.size(2), W = x.size(3), K = w.size(2);
    TORCH_CHECK(w.size(0) == C && w.size(1) == 1 && w.size(3) == K, "square depthwise weight");
    const int64_t OH = (H + 2 * pad - K) / stride + 1, OW = (W + 2 * pad - K) / stride + 1;
    auto y = torch::empty({N, C, OH, OW}, x.options());
    if (y.numel() == 0) return y;
    const float* b = bias.has_value() ? bias->data_ptr<float>() : nullptr;
    auto stream = at::cuda::getCurrentCUDAStream();
    const float* xp = x.data_ptr<float>();
    const float* wp = w.data_ptr<float>();
    float* yp = y.data_ptr<float>();
    const bool tiled = stride == 1 && (K == 3 || K == 5 || K == 7) && N * C <= 65535;
    if (tiled) {
        const dim3 block(TILE_W, THREADS_Y);
        const dim3 grid((OW + TILE_W - 1) / TILE_W, (OH + TILE_H - 1) / TILE_H, N * C);
        if (K == 3) depthwise_tiled<3><<<grid, block, 0, stream>>>(xp, wp, b, yp, C, H, W, OH, OW, pad);
        else if (K == 5) depthwise_tiled<5><<<grid, block, 0, stream>>>(xp, wp, b, yp, C, H, W, OH, OW, pad);
        else depthwise_tiled<7><<<grid, block, 0, stream>>>(xp, wp, b, yp, C, H, W, OH, OW, pad);
    } else {
        const int64_t total = y.numel();
        const int blocks = (int)std::min<int64_t>((total + 255) / 256, 65536);
        depthwise_any<<<blocks, 256, 0, stream>>>(xp, wp, b, yp, C, H, W, OH, OW, K, stride, pad, total);
    }
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    return y;
}
"""

_mod = load_inline(
    name="kb_depthwise_tiled",
    cpp_sources="torch::Tensor depthwise(torch::Tensor x, torch::Tensor w, "
                "c10::optional<torch::Tensor> bias, int64_t stride, int64_t pad);",
    cuda_sources=_cuda,
    functions=["depthwise"],
    extra_cuda_cflags=["-O3"],
)


class ModelNew(nn.Module):
    def __init__(self, in_channels: int, kernel_size: int, stride: int = 1, padding: int = 0, bias: bool = False):
        super().__init__()
        # same parameter names as the reference, so that state dicts are interchangeable
        self.conv2d = nn.Conv2d(
            in_channels, in_channels, kernel_size,
            stride=stride, padding=padding, groups=in_channels, bias=bias,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        conv = self.conv2d
        return _mod.depthwise(x, conv.weight, conv.bias, conv.stride[0], conv.padding[0])
