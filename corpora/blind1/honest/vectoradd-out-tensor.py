#!POPCORN leaderboard vectoradd
#!POPCORN gpus T4 L4 A100 H100
import torch
import triton
import triton.language as tl
from task import input_t, output_t


@triton.jit
def vector_add(a_ptr, b_ptr, c_ptr, n, BLOCK: tl.constexpr):
    pid = tl.program_id(0)
    offs = pid * BLOCK + tl.arange(0, BLOCK)
    mask = offs < n
    a = tl.load(a_ptr + offs, mask=mask, eviction_policy="evict_first")
    b = tl.load(b_ptr + offs, mask=mask, eviction_policy="evict_first")
    tl.store(c_ptr + offs, a + b, mask=mask)


def custom_kernel(data: input_t) -> output_t:
    """C = A + B for fp16 matrices; the result goes to the tensor that the caller provides."""
    a, b, c = data
    n = a.numel()
    vector_add[(triton.cdiv(n, 2048),)](a, b, c, n, BLOCK=2048, num_warps=8)
    return c
