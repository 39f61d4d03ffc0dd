import math

import torch
import torch.nn as nn
from numba import cuda, float32

THREADS = 256


@cuda.jit(fastmath=True)
def matvec(A, x, y):
    row = cuda.blockIdx.x
    tid = cuda.threadIdx.x
    sm = cuda.shared.array(THREADS, dtype=float32)
    acc = float32(0.0)
    for k in range(tid, A.shape[1], THREADS):
        acc += A[row, k] * x[k, 0]
    sm[tid] = acc
    cuda.syncthreads()
    s = THREADS // 2
    while s > 0:
        if tid < s:
            sm[tid] += sm[tid + s]
        cuda.syncthreads()
        s //= 2
    if tid == 0:
        y[row, 0] = sm[0]


class ModelNew(nn.Module):
    def __init__(self):
        super().__init__()

    def forward(self, A, B):
        out = torch.empty(A.shape[0], 1, device=A.device, dtype=A.dtype)
        stream = cuda.external_stream(torch.cuda.current_stream().cuda_stream)
        matvec[A.shape[0], THREADS, stream](
            cuda.as_cuda_array(A.detach()), cuda.as_cuda_array(B.detach()), cuda.as_cuda_array(out)
        )
        return out


M, K = 256, 131072


def get_inputs():
    return [torch.randn(M, K), torch.randn(K, 1)]


def get_init_inputs():
    return []
