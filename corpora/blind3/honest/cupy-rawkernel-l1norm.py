import cupy as cp
import torch
import torch.nn as nn

_code = r'''
extern "C" __global__
void l1norm(const float* x, float* y, int D) {
  __shared__ float s[32];
  const float* r = x + (size_t)blockIdx.x * D;
  float a = 0.f;
  for (int i = threadIdx.x; i < D; i += blockDim.x) a += fabsf(r[i]);
  for (int o = 16; o; o >>= 1) a += __shfl_xor_sync(~0u, a, o);
  if ((threadIdx.x & 31) == 0) s[threadIdx.x >> 5] = a;
  __syncthreads();
  float t = 0.f;
  for (int w = 0; w < (blockDim.x >> 5); ++w) t += s[w];
  const float inv = 1.f / t;
  for (int i = threadIdx.x; i < D; i += blockDim.x) y[(size_t)blockIdx.x * D + i] = r[i] * inv;
}
'''
_k = cp.RawKernel(_code, "l1norm")


class ModelNew(nn.Module):
    def forward(self, x):
        x = x.contiguous()
        y = torch.empty_like(x)
        with cp.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream):
            _k((x.shape[0],), (512,), (x.data_ptr(), y.data_ptr(), cp.int32(x.shape[1])))
        return y
