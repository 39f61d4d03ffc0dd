import torch
import torch.nn as nn
import triton
import triton.language as tl

REGISTRY = {}


def register(name):
    def deco(fn):
        if name in REGISTRY:
            raise KeyError(f"{name} registered twice")
        REGISTRY[name] = fn
        return fn

    return deco


@triton.jit
def _sub_mul_relu(x, y, n, s, k, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    tl.store(y + i, tl.maximum((tl.load(x + i, mask=m) - s) * k, 0.0), mask=m)


@triton.jit
def _mean_lse(x, y, D, BLOCK: tl.constexpr):
    r = tl.program_id(0)
    c = tl.arange(0, BLOCK)
    v = tl.load(x + r * D + c, mask=c < D, other=-float("inf"))
    mx = tl.max(v, 0)
    tl.store(y + r, mx + tl.log(tl.sum(tl.exp(v - mx), 0)))


@register("sub_mul_relu")
def sub_mul_relu(x, s, k):
    y = torch.empty_like(x)
    _sub_mul_relu[(triton.cdiv(x.numel(), 1024),)](x, y, x.numel(), s, k, BLOCK=1024)
    return y


@register("lse")
def lse(x):
    y = x.new_empty(x.shape[0], 1)
    _mean_lse[(x.shape[0],)](x, y, x.shape[1], BLOCK=triton.next_power_of_2(x.shape[1]))
    return y


class ModelNew(nn.Module):
    def __init__(self, in_features, out_features, subtract_value, multiply_value, ops=("sub_mul_relu", "lse")):
        super().__init__()
        self.linear = nn.Linear(in_features, out_features)
        self.first = REGISTRY[ops[0]]
        self.second = REGISTRY[ops[1]]
        self.s, self.k = subtract_value, multiply_value

    def forward(self, x):
        h = self.linear(x)
        return self.second(self.first(h, self.s, self.k))


def get_inputs():
    return [torch.randn(1024, 8192)]


def get_init_inputs():
    return [8192, 8192, 2.0, 1.5]
