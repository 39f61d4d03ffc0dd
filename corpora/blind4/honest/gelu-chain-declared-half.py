"""Problem: y = gelu(x * a + b) * gate, all tensors are declared float16; arithmetic in float32 registers."""
import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _chain(x_ptr, g_ptr, o_ptr, a, b, n, BLOCK: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = o < n
    x = tl.load(x_ptr + o, mask=m, other=0.0).to(tl.float32)
    g = tl.load(g_ptr + o, mask=m, other=0.0).to(tl.float32)
    v = x * a + b
    y = 0.5 * v * (1.0 + tl.math.erf(v * 0.7071067811865476)) * g
    tl.store(o_ptr + o, y.to(tl.float16), mask=m)


class ModelNew(nn.Module):
    def __init__(self, a: float, b: float):
        super().__init__()
        self.a = a
        self.b = b

    def forward(self, x, gate):
        if x.dtype is not torch.float16 or gate.dtype is not torch.float16:
            raise TypeError("float16 tensors expected")
        x = x.contiguous()
        gate = gate.contiguous()
        out = torch.empty_like(x)
        n = x.numel()
        if n:
            _chain[(triton.cdiv(n, 2048),)](x, gate, out, self.a, self.b, n, BLOCK=2048, num_warps=8)
        return out


def get_inputs():
    return [torch.randn(4096, 4096, dtype=torch.float16), torch.randn(4096, 4096, dtype=torch.float16)]


def get_init_inputs():
    return [1.3, -0.2]
