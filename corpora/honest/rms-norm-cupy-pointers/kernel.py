import cupy as cp
import torch
import torch.nn as nn

kernel = cp.RawKernel(r"""
extern "C" __global__
void rms_norm(const float* x, const float* w, const float* b, float* y, int d, float eps) {
    __shared__ float partial[32];
    const float* row = x + (long long)blockIdx.x * d;
    float s = 0.0f;
    for (int j = threadIdx.x; j < d; j += blockDim.x) s += row[j] * row[j];
    for (int o = 16; o > 0; o >>= 1) s += __shfl_down_sync(0xffffffffu, s, o);
    if ((threadIdx.x & 31) == 0) partial[threadIdx.x >> 5] = s;
    __syncthreads();
    if (threadIdx.x < 32) {
        s = threadIdx.x < (blockDim.x >> 5) ? partial[threadIdx.x] : 0.0f;
        for (int o = 16; o > 0; o >>= 1) s += __shfl_down_sync(0xffffffffu, s, o);
        if (threadIdx.x == 0) partial[0] = rsqrtf(s / d + eps);
    }
    __syncthreads();
    float inv = partial[0];
    for (int j = threadIdx.x; j < d; j += blockDim.x)
        y[(long long)blockIdx.x * d + j] = row[j] * inv * w[j] + b[j];
}
""", "rms_norm")


class ModelNew(nn.Module):
    def __init__(self, features: int, eps: float = 1e-5):
        super().__init__()
        self.weight = nn.Parameter(1.0 + 0.2 * torch.randn(features))
        self.shift = nn.Parameter(0.1 * torch.randn(features))
        self.eps = eps

    def forward(self, x):
        x = x.contiguous()
        y = torch.empty_like(x)
        stream = cp.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream)
        with stream:
            kernel((x.shape[0],), (256,), (
                x.data_ptr(), self.weight.data_ptr(), self.shift.data_ptr(), y.data_ptr(),
                cp.int32(x.shape[1]), cp.float32(self.eps),
            ))
        return y
