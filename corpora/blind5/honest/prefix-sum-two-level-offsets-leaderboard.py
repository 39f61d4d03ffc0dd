#!POPCORN leaderboard prefixsum
import torch
import triton
import triton.language as tl
from task import input_t, output_t

BLOCK = 2048


@triton.jit
def local_scan(x_ptr, out_ptr, sums_ptr, n, BLOCK: tl.constexpr):
    pid = tl.program_id(0)
    offs = pid.to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = offs < n
    x = tl.load(x_ptr + offs, mask=mask, other=0.0).to(tl.float32)
    s = tl.cumsum(x, axis=0)
    tl.store(out_ptr + offs, s, mask=mask)
    tl.store(sums_ptr + pid, tl.sum(x, axis=0))


@triton.jit
def add_offsets(out_ptr, offsets_ptr, n, BLOCK: tl.constexpr):
    pid = tl.program_id(0)
    offs = pid.to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = offs < n
    carry = tl.load(offsets_ptr + pid)
    v = tl.load(out_ptr + offs, mask=mask, other=0.0)
    tl.store(out_ptr + offs, v + carry, mask=mask)


def _scan(x: torch.Tensor, out: torch.Tensor) -> None:
    """Inclusive scan of x into out, recursing on the block sums."""
    n = x.numel()
    blocks = triton.cdiv(n, BLOCK)
    sums = torch.empty(blocks, device=x.device, dtype=torch.float32)
    local_scan[(blocks,)](x, out, sums, n, BLOCK=BLOCK, num_warps=8)
    if blocks == 1:
        return
    inclusive = torch.empty_like(sums)
    _scan(sums, inclusive)
    exclusive = torch.zeros_like(sums)
    exclusive[1:].copy_(inclusive[:-1])
    add_offsets[(blocks,)](out, exclusive, n, BLOCK=BLOCK, num_warps=8)


def custom_kernel(data: input_t) -> output_t:
    data, output = data
    assert data.is_cuda
    _scan(data.contiguous(), output)
    return output
