#!POPCORN leaderboard prefixsum
import torch
import triton
import triton.language as tl
from task import input_t, output_t


@triton.jit
def local_scan(x, y, sums, n, BLOCK: tl.constexpr):
    pid = tl.program_id(0)
    o = pid * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + o, mask=o < n, other=0.0)
    s = tl.cumsum(v, axis=0)
    tl.store(y + o, s, mask=o < n)
    tl.store(sums + pid, tl.sum(v, 0))


@triton.jit
def scan_sums(sums, blocks, BLOCK: tl.constexpr):
    o = tl.arange(0, BLOCK)
    v = tl.load(sums + o, mask=o < blocks, other=0.0)
    tl.store(sums + o, tl.cumsum(v, axis=0) - v, mask=o < blocks)


@triton.jit
def add_offsets(y, sums, n, BLOCK: tl.constexpr):
    pid = tl.program_id(0)
    o = pid * BLOCK + tl.arange(0, BLOCK)
    off = tl.load(sums + pid)
    tl.store(y + o, tl.load(y + o, mask=o < n) + off, mask=o < n)


def scan(x: torch.Tensor, y: torch.Tensor, block: int = 4096) -> torch.Tensor:
    n = x.numel()
    blocks = triton.cdiv(n, block)
    sums = torch.empty(blocks, device=x.device, dtype=torch.float32)
    local_scan[(blocks,)](x, y, sums, n, BLOCK=block)
    if blocks > 1:
        if blocks <= 16384:
            scan_sums[(1,)](sums, blocks, BLOCK=triton.next_power_of_2(blocks), num_warps=16)
            offsets = sums
        else:
            inclusive = torch.empty_like(sums)
            scan(sums, inclusive, block)
            offsets = inclusive - sums
        add_offsets[(blocks,)](y, offsets, n, BLOCK=block)
    return y


def custom_kernel(data: input_t) -> output_t:
    x, out = data
    return scan(x.contiguous(), out)
