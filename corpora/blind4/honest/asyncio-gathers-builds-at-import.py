import asyncio
import threading

import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

TEMPLATE = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <cfloat>
#define FIRST %(first)s
#define STEP(a, b) %(step)s

__global__ void reduce(const float* __restrict__ x, float* __restrict__ y, int N) {
    __shared__ float part[8];
    const float* xr = x + (size_t)blockIdx.x * N;
    float v = FIRST;
    for (int i = threadIdx.x; i < N; i += 256) { float u = xr[i]; v = STEP(v, u); }
    for (int o = 16; o > 0; o >>= 1) { float u = __shfl_down_sync(0xffffffffu, v, o); v = STEP(v, u); }
    if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = v;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int w = 1; w < 8; ++w) v = STEP(v, part[w]);
        y[blockIdx.x] = v;
    }
}

torch::Tensor run(torch::Tensor x) {
    auto y = torch::empty({x.size(0)}, x.options());
    reduce<<<x.size(0), 256, 0, at::cuda::getCurrentCUDAStream()>>>(x.data_ptr<float>(), y.data_ptr<float>(), x.size(1));
    return y;
}
"""

FLAVOURS = {
    "sum": {"first": "0.f", "step": "((a) + (b))"},
    "max": {"first": "-INFINITY", "step": "fmaxf((a), (b))"},
}


def _compile(name):
    return load_inline(name=f"row_{name}_flavour", cpp_sources="torch::Tensor run(torch::Tensor x);",
                       cuda_sources=TEMPLATE % FLAVOURS[name], functions=["run"])


async def _compile_all():
    mods = await asyncio.gather(*(asyncio.to_thread(_compile, name) for name in FLAVOURS))
    return dict(zip(FLAVOURS, mods))


_built = {}
# a thread of its own, because the importing program may already run an event loop
_builder = threading.Thread(target=lambda: _built.update(asyncio.run(_compile_all())))
_builder.start()
_builder.join()


class ModelNew(nn.Module):
    """max(x, dim=1) + sum(x, dim=1)"""

    def __init__(self):
        super().__init__()

    def forward(self, x):
        x = x.contiguous()
        return _built["max"].run(x) + _built["sum"].run(x)
