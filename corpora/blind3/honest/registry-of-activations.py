import torch
import torch.nn as nn
import triton
import triton.language as tl

KERNELS = {}


def register(name):
    def deco(fn):
        KERNELS[name] = fn
        return fn
    return deco


@register("relu")
@triton.jit
def _relu(x, y, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    m = i < n
    tl.store(y + i, tl.maximum(tl.load(x + i, mask=m), 0.0), mask=m)


@register("selu")
@triton.jit
def _selu(x, y, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    m = i < n
    v = tl.load(x + i, mask=m)
    r = 1.0507009873554805 * tl.where(v > 0, v, 1.6732632423543772 * (tl.exp(v) - 1.0))
    tl.store(y + i, r, mask=m)


@register("hardtanh")
@triton.jit
def _hardtanh(x, y, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    m = i < n
    tl.store(y + i, tl.minimum(tl.maximum(tl.load(x + i, mask=m), -1.0), 1.0), mask=m)


def apply(name, x, block=1024):
    x = x.contiguous()
    y = torch.empty_like(x)
    n = x.numel()
    KERNELS[name][(triton.cdiv(n, block),)](x, y, n, B=block)
    return y


class ModelNew(nn.Module):
    kind = "selu"

    def forward(self, x):
        return apply(self.kind, x)


if __name__ == "__main__":
    t = torch.randn(5000, device="cuda")
    for k, f in (("relu", torch.relu), ("selu", torch.selu), ("hardtanh", nn.functional.hardtanh)):
        torch.testing.assert_close(apply(k, t), f(t))
        print(k, "ok")
