"""Small MLP: launch bound, so it is captured once per shape and replayed on copied-in inputs."""
from typing import Dict, Tuple

import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def bias_gelu(x, b, y, n, C, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    v = tl.load(x + i, mask=m) + tl.load(b + i % C, mask=m)
    tl.store(y + i, 0.5 * v * (1.0 + tl.erf(v * 0.7071067811865476)), mask=m)


class _Captured:
    def __init__(self, fn, example):
        self.x = example.clone()
        s = torch.cuda.Stream()
        s.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(s):
            for _ in range(3):
                fn(self.x)
        torch.cuda.current_stream().wait_stream(s)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.y = fn(self.x)

    def __call__(self, x):
        self.x.copy_(x)
        self.graph.replay()
        return self.y.clone()


class ModelNew(nn.Module):
    def __init__(self, d_in, hidden, d_out):
        super().__init__()
        sizes = [d_in, *hidden, d_out]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self._graphs: Dict[Tuple[int, ...], _Captured] = {}

    def _eager(self, x):
        for layer in self.layers[:-1]:
            h = torch.mm(x, layer.weight.t())
            x = torch.empty_like(h)
            bias_gelu[(triton.cdiv(h.numel(), 1024),)](h, layer.bias, x, h.numel(), h.shape[1], BLOCK=1024)
        last = self.layers[-1]
        return torch.addmm(last.bias, x, last.weight.t())

    @torch.no_grad()
    def forward(self, x):
        key = tuple(x.shape)
        if key not in self._graphs:
            self._graphs[key] = _Captured(self._eager, x)
        return self._graphs[key](x)


def get_inputs():
    return [torch.randn(1, 1000)]


def get_init_inputs():
    return [1000, [400, 800], 10]
