#!POPCORN leaderboard row-sumsq
import torch
import triton
import triton.language as tl
from task import input_t, output_t


@triton.autotune(
    configs=[
        triton.Config({"BLOCK": block}, num_warps=warps, num_stages=stages)
        for block in (512, 1024, 2048)
        for warps in (2, 4, 8)
        for stages in (1, 2)
    ],
    key=["columns"],
)
@triton.jit
def row_sumsq_kernel(x_ptr, out_ptr, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    acc = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, columns, BLOCK):
        offs = start + tl.arange(0, BLOCK)
        v = tl.load(x_ptr + row * columns + offs, mask=offs < columns, other=0.0)
        v = tl.maximum(v, 0.0)
        acc += v * v
    tl.store(out_ptr + row, tl.sum(acc, axis=0))


def custom_kernel(data: input_t) -> output_t:
    data = data.contiguous()
    out = torch.empty(data.shape[0], device=data.device, dtype=torch.float32)
    row_sumsq_kernel[(data.shape[0],)](data, out, data.shape[1])
    return out
