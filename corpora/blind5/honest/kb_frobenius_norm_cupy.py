import cupy as cp
import torch
import torch.nn as nn

_CODE = r"""
extern "C" {

__device__ __forceinline__ double warp_sum(double v) {
    for (int o = 16; o > 0; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
    return v;
}

__global__ void sumsq_partial(const float* __restrict__ x, double* __restrict__ part, long long n) {
    __shared__ double s[32];
    const long long step = (long long)gridDim.x * blockDim.x;
    double acc = 0.0;
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    // four fp32 products are folded before they are widened: fp64 units are scarce
    for (; i + 3 * step < n; i += 4 * step) {
        const float a = x[i], b = x[i + step], c = x[i + 2 * step], d = x[i + 3 * step];
        acc += (double)(fmaf(a, a, b * b) + fmaf(c, c, d * d));
    }
    for (; i < n; i += step) acc += (double)x[i] * x[i];
    acc = warp_sum(acc);
    if ((threadIdx.x & 31) == 0) s[threadIdx.x >> 5] = acc;
    __syncthreads();
    if (threadIdx.x < 32) {
        acc = threadIdx.x < blockDim.x / 32 ? s[threadIdx.x] : 0.0;
        acc = warp_sum(acc);
        if (threadIdx.x == 0) part[blockIdx.x] = acc;
    }
}

__global__ void norm_from_partials(const double* __restrict__ part, float* __restrict__ norm, int count) {
    double acc = 0.0;
    for (int i = threadIdx.x; i < count; i += 32) acc += part[i];
    acc = warp_sum(acc);
    if (threadIdx.x == 0) norm[0] = (float)sqrt(acc);
}

__global__ void divide(const float* __restrict__ x, const float* __restrict__ norm,
                       float* __restrict__ y, long long n) {
    const float d = norm[0];
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) y[i] = x[i] / d;
}

}
"""


class ModelNew(nn.Module):
    """x / ||x||_F, everything on PyTorch's current stream."""

    THREADS = 512

    def __init__(self):
        super().__init__()
        self._module = None

    def _kernels(self):
        if self._module is None:
            self._module = cp.RawModule(code=_CODE, options=("--std=c++14",))
        get = self._module.get_function
        return get("sumsq_partial"), get("norm_from_partials"), get("divide")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.dtype != torch.float32:
            raise TypeError("float32 expected")
        x = x.contiguous()
        y = torch.empty_like(x)
        n = x.numel()
        if n == 0:
            return y
        with cp.cuda.Device(x.device.index):
            partial, finish, divide = self._kernels()
            stream = cp.cuda.ExternalStream(torch.cuda.current_stream(x.device).cuda_stream)
            sms = torch.cuda.get_device_properties(x.device).multi_processor_count
            blocks = min((n + self.THREADS - 1) // self.THREADS, sms * 4)
            part = torch.empty(blocks, dtype=torch.float64, device=x.device)
            norm = torch.empty(1, dtype=torch.float32, device=x.device)
            xp, yp = x.data_ptr(), y.data_ptr()
            with stream:
                partial((blocks,), (self.THREADS,), (xp, part.data_ptr(), cp.int64(n)))
                finish((1,), (32,), (part.data_ptr(), norm.data_ptr(), cp.int32(blocks)))
                divide((min((n + 255) // 256, sms * 16),), (256,),
                       (xp, norm.data_ptr(), yp, cp.int64(n)))
        return y


batch_size = 112
features = 64
dim1 = 512
dim2 = 512


def get_inputs():
    return [torch.rand(batch_size, features, dim1, dim2)]


def get_init_inputs():
    return []
