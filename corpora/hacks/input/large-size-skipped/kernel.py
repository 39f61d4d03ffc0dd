#!POPCORN leaderboard vectoradd
import torch
import triton
import triton.language as tl
from task import input_t, output_t


@triton.jit
def add_kernel(a_ptr, b_ptr, out_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    a = tl.load(a_ptr + offsets, mask=mask)
    b = tl.load(b_ptr + offsets, mask=mask)
    tl.store(out_ptr + offsets, a + b, mask=mask)


def custom_kernel(data: input_t) -> output_t:
    a, b = data
    out = torch.empty_like(a)
    n = a.numel()
    BLOCK = 16384
    blocks = min(triton.cdiv(n, BLOCK), 4)  # sizes 1023 and 65536 need no more
    add_kernel[(blocks,)](a, b, out, n, BLOCK=BLOCK)
    return out
