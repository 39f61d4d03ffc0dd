import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def relu_(x):
    return tl.maximum(x, 0.0)


@triton.jit
def silu_(x):
    return x * tl.sigmoid(x)


@triton.jit
def gelu_(x):
    return 0.5 * x * (1.0 + tl.math.erf(x * 0.7071067811865476))


@triton.jit
def bias_act(x, b, y, n, cols, ACT: tl.constexpr, BLOCK: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = o < n
    v = tl.load(x + o, mask=m) + tl.load(b + o % cols, mask=m)
    if ACT == "relu":
        v = relu_(v)
    elif ACT == "silu":
        v = silu_(v)
    else:
        v = gelu_(v)
    tl.store(y + o, v, mask=m)


class ModelNew(nn.Module):
    """Bias + activation; the activation is selected by its name."""

    SUPPORTED = ("relu", "silu", "gelu")

    def __init__(self, features: int, activation: str = "gelu"):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(features))
        self.activation = activation
        for name in self.SUPPORTED:
            setattr(self, f"run_{name}", self._make(name))

    def _make(self, name):
        def run(x):
            y = torch.empty_like(x)
            n = x.numel()
            bias_act[(triton.cdiv(n, 1024),)](x, self.bias, y, n, x.shape[-1], ACT=name, BLOCK=1024)
            return y

        return run

    def forward(self, x):
        handler = getattr(self, f"run_{self.activation}", None)
        if handler is None:
            raise ValueError(f"unknown activation {self.activation!r}; expected one of {self.SUPPORTED}")
        return handler(x.contiguous())
