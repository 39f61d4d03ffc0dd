#!POPCORN leaderboard vectorsum
import statistics

import torch
import triton
import triton.language as tl
from task import input_t, output_t


@triton.jit
def block_sums(x, part, n, BLOCK: tl.constexpr):
    o = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    tl.store(part + tl.program_id(0), tl.sum(tl.load(x + o, mask=o < n, other=0.0), 0))


_choice = {}


def _time(fn, reps=5):
    times = []
    for _ in range(reps):
        a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        a.record()
        fn()
        b.record()
        b.synchronize()
        times.append(a.elapsed_time(b))
    return statistics.median(times)


def _run(x, block):
    part = torch.empty(triton.cdiv(x.numel(), block), device=x.device)
    block_sums[(part.numel(),)](x, part, x.numel(), BLOCK=block)
    return part


def _block_for(x) -> int:
    """Measured once for each size; only the block size is remembered."""
    key = (x.numel(), x.dtype, x.device.index)
    if key not in _choice:
        _choice[key] = min((2048, 4096, 8192), key=lambda b: _time(lambda: _run(x, b)))
    return _choice[key]


def custom_kernel(data: input_t) -> output_t:
    x, out = data
    block = _block_for(x)
    while x.numel() > 1:
        x = _run(x, block)
    out.copy_(x.view_as(out))
    return out
