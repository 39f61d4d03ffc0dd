import math

import torch
import torch.nn as nn
from numba import cuda, float32

TPB = 256


@cuda.jit
def sumsq(x, out):
    sh = cuda.shared.array(TPB, float32)
    t = cuda.threadIdx.x
    acc = float32(0.0)
    i = cuda.grid(1)
    step = cuda.gridsize(1)
    while i < x.size:
        acc += x[i] * x[i]
        i += step
    sh[t] = acc
    cuda.syncthreads()
    s = TPB // 2
    while s > 0:
        if t < s:
            sh[t] += sh[t + s]
        cuda.syncthreads()
        s //= 2
    if t == 0:
        cuda.atomic.add(out, 0, sh[0])


@cuda.jit
def scale(x, ss, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = x[i] / math.sqrt(ss[0])


class ModelNew(nn.Module):
    def forward(self, x):
        flat = x.detach().contiguous().view(-1)
        y = torch.empty_like(flat)
        ss = torch.zeros(1, device=x.device, dtype=torch.float32)
        stream = cuda.external_stream(torch.cuda.current_stream().cuda_stream)
        fx, fy, fs = (cuda.as_cuda_array(t) for t in (flat, y, ss))
        sumsq[512, TPB, stream](fx, fs)
        scale[(flat.numel() + TPB - 1) // TPB, TPB, stream](fx, fs, fy)
        return y.view_as(x)
