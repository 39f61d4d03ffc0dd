import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

# y = A @ x for a wide A: (M, K) with K in the millions and few rows.
# grid = (pieces, M): every block reduces one piece of one row; the pieces of a row are
# added up by a second, tiny kernel in a fixed order, so the result is reproducible.
_src = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAException.h>

constexpr int THREADS = 256;

__device__ __forceinline__ float block_reduce(float v) {
    __shared__ float s[THREADS / 32];
#pragma unroll
    for (int o = 16; o > 0; o /= 2) v += __shfl_down_sync(0xffffffff, v, o);
    if ((threadIdx.x & 31) == 0) s[threadIdx.x >> 5] = v;
    __syncthreads();
    v = threadIdx.x < THREADS / 32 ? s[threadIdx.x] : 0.0f;
    if (threadIdx.x < 32) {
#pragma unroll
        for (int o = THREADS / 64; o > 0; o /= 2) v += __shfl_down_sync(0xffffffff, v, o);
    }
    return v;
}

template <bool VEC>
__global__ void __launch_bounds__(THREADS)
partial_dot(const float* __restrict__ A, const float* __restrict__ x, float* __restrict__ part,
            int64_t K, int64_t piece) {
    const int64_t row = blockIdx.y;
    const int64_t lo = (int64_t)blockIdx.x * piece;
    const int64_t hi = lo + piece < K ? lo + piece : K;
    const float* a = A + row * K;
    float s0 = 0.f, s1 = 0.f, s2 = 0.f, s3 = 0.f;
    if (VEC) {
        // piece and K are multiples of 4 and both bases are 16-byte aligned
        for (int64_t i = lo + 4 * threadIdx.x; i < hi; i += 4 * THREADS) {
            const float4 u = __ldcs(reinterpret_cast<const float4*>(a + i));
            const float4 v = __ldg(reinterpret_cast<const float4*>(x + i));
            s0 = fmaf(u.x, v.x, s0);
            s1 = fmaf(u.y, v.y, s1);
            s2 = fmaf(u.z, v.z, s2);
            s3 = fmaf(u.w, v.w, s3);
        }
    } else {
        for (int64_t i = lo + threadIdx.x; i < hi; i += THREADS) s0 = fmaf(a[i], x[i], s0);
    }
    const float t = block_reduce((s0 + s1) + (s2 + s3));
    if (threadIdx.x == 0) part[row * gridDim.x + blockIdx.x] = t;
}

__global__ void add_pieces(const float* __restrict__ part, float* __restrict__ y, int M, int pieces) {
    const int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= M) return;
    double s = 0.0;
    for (int p = 0; p < pieces; ++p) s += part[(int64_t)row * pieces + p];
    y[row] = (float)s;
}

torch::Tensor matvec(torch::Tensor A, torch::Tensor x) {
    TORCH_CHECK(A.dim() == 2 && x.numel() == A.size(1), "shapes do not match");
    TORCH_CHECK(A.scalar_type() == at::kFloat && x.scalar_type() == at::kFloat, "float32 expected");
    const at::cuda::CUDAGuard guard(A.device());
    A = A.contiguous();
    x = x.contiguous();
    const int64_t M = A.size(0), K = A.size(1);
    TORCH_CHECK(M <= 65535, "M does not fit grid.y");
    auto y = torch::empty({M, 1}, A.options());
    if (M == 0) return y;
    if (K == 0) return y.zero_();
    auto stream = at::cuda::getCurrentCUDAStream();

    const int sms = at::cuda::getCurrentDeviceProperties()->multiProcessorCount;
    const int64_t min_piece = 4 * THREADS * 4;
    int64_t pieces = std::max<int64_t>(1, (int64_t)sms * 16 / M);
    pieces = std::min<int64_t>(pieces, (K + min_piece - 1) / min_piece);
    int64_t piece = ((K + pieces - 1) / pieces + 3) / 4 * 4;
    pieces = (K + piece - 1) / piece;
    auto part = torch::empty({M, pieces}, A.options());

    const float* ap = A.data_ptr<float>();
    const float* xp = x.data_ptr<float>();
    const bool vec = K % 4 == 0 && reinterpret_cast<uintptr_t>(ap) % 16 == 0 &&
                     reinterpret_cast<uintptr_t>(xp) % 16 == 0;
    const dim3 grid(pieces, M);
    if (vec)
        partial_dot<true><<<grid, THREADS, 0, stream>>>(ap, xp, part.data_ptr<float>(), K, piece);
    else
        partial_dot<false><<<grid, THREADS, 0, stream>>>(ap, xp, part.data_ptr<float>(), K, piece);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    add_pieces<<<(M + 127) / 128, 128, 0, stream>>>(part.data_ptr<float>(), y.data_ptr<float>(), M, pieces);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    return y;
}
"""

matvec_mod = load_inline(
    name="matvec_split_rows",
    cpp_sources="torch::Tensor matvec(torch::Tensor A, torch::Tensor x);",
    cuda_sources=_src,
    functions=["matvec"],
    extra_cuda_cflags=["-O3"],
)


class ModelNew(nn.Module):
    """Matrix-vector product C = A * B with A (M, K) and B (K, 1)."""

    def __init__(self):
        super().__init__()

    def forward(self, A: torch.Tensor, B: torch.Tensor) -> torch.Tensor:
        return matvec_mod.matvec(A, B)


M = 256 * 8
K = 131072 * 8


def get_inputs():
    return [torch.rand(M, K), torch.rand(K, 1)]


def get_init_inputs():
    return []
