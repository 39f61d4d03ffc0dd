#!POPCORN leaderboard histogram
#!POPCORN gpus A100
import cupy as cp
import torch

_code = r"""
extern "C" __global__
void histogram(const unsigned char* __restrict__ x, int* __restrict__ bins, const long long n) {
    __shared__ int own[8][257];
    for (int i = threadIdx.x; i < 8 * 257; i += blockDim.x) ((int*)own)[i] = 0;
    __syncthreads();
    int* mine = own[(threadIdx.x >> 5) & 7];
    const long long step = (long long)gridDim.x * blockDim.x;
    const long long words = n / 4;
    const uchar4* xv = reinterpret_cast<const uchar4*>(x);
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < words; i += step) {
        uchar4 v = xv[i];
        atomicAdd(mine + v.x, 1); atomicAdd(mine + v.y, 1);
        atomicAdd(mine + v.z, 1); atomicAdd(mine + v.w, 1);
    }
    if (blockIdx.x == 0)
        for (long long i = words * 4 + threadIdx.x; i < n; i += blockDim.x) atomicAdd(mine + x[i], 1);
    __syncthreads();
    for (int b = threadIdx.x; b < 256; b += blockDim.x) {
        int s = 0;
        for (int k = 0; k < 8; ++k) s += own[k][b];
        if (s) atomicAdd(bins + b, s);
    }
}
"""

_histogram = cp.RawKernel(_code, "histogram")
_blocks = {}


def _grid(device):
    if device not in _blocks:
        _blocks[device] = 4 * torch.cuda.get_device_properties(device).multi_processor_count
    return _blocks[device]


def custom_kernel(data):
    x, out = data
    x = x.contiguous()
    if x.data_ptr() % 4:
        x = x.clone()
    counts = torch.zeros(256, device=x.device, dtype=torch.int32)
    stream = cp.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream)
    with stream:
        _histogram((_grid(x.device),), (256,), (x.data_ptr(), counts.data_ptr(), x.numel()))
    out.copy_(counts)
    return out
