#!POPCORN leaderboard prefixsum
#!POPCORN gpus H100
import torch
import triton
import triton.language as tl

BLOCK = 4096
_carry_pool = {}


@triton.jit
def _plus(a, b):
    return a + b


@triton.jit
def _local(x_ptr, o_ptr, t_ptr, n, BLOCK: tl.constexpr):
    pid = tl.program_id(0)
    o = pid.to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x_ptr + o, mask=o < n, other=0.0).to(tl.float64)
    s = tl.associative_scan(v, 0, _plus)
    tl.store(o_ptr + o, s.to(tl.float32), mask=o < n)
    tl.store(t_ptr + pid, tl.sum(v, 0))


@triton.jit
def _totals(t_ptr, blocks, BLOCK: tl.constexpr):
    carry = tl.zeros((), tl.float64)
    for st in range(0, blocks, BLOCK):
        o = st + tl.arange(0, BLOCK)
        v = tl.load(t_ptr + o, mask=o < blocks, other=0.0)
        s = tl.associative_scan(v, 0, _plus)
        tl.store(t_ptr + o, s - v + carry, mask=o < blocks)
        carry += tl.sum(v, 0)


@triton.jit
def _add(o_ptr, t_ptr, n, BLOCK: tl.constexpr):
    pid = tl.program_id(0)
    o = pid.to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(o_ptr + o, mask=o < n, other=0.0).to(tl.float64)
    tl.store(o_ptr + o, (v + tl.load(t_ptr + pid)).to(tl.float32), mask=o < n)


def _carries(blocks, device):
    key = (device, torch.cuda.current_stream(device).cuda_stream)
    held = _carry_pool.get(key)
    if held is None or held.numel() < blocks:
        held = _carry_pool[key] = torch.empty(max(blocks, 1024), device=device, dtype=torch.float64)
    return held


def custom_kernel(data):
    x, out = data
    n = x.numel()
    blocks = triton.cdiv(n, BLOCK)
    totals = _carries(blocks, x.device)
    _local[(blocks,)](x, out, totals, n, BLOCK=BLOCK, num_warps=8)
    _totals[(1,)](totals, blocks, BLOCK=1024)
    _add[(blocks,)](out, totals, n, BLOCK=BLOCK, num_warps=8)
    return out
