import torch
import triton
import triton.language as tl


@triton.jit
def clamp_(x, lo, hi, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    m = i < n
    v = tl.load(x + i, mask=m)
    tl.store(x + i, tl.minimum(tl.maximum(v, lo), hi), mask=m)


def custom_kernel(data):
    """The task statement asks for x to be clamped in place and returned."""
    x, lo, hi = data
    n = x.numel()
    clamp_[(triton.cdiv(n, 4096),)](x, float(lo), float(hi), n, B=4096, num_warps=8)
    return x
