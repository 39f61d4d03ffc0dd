import torch
import triton
import triton.language as tl
from task import input_t, output_t

_partials = {}


@triton.jit
def _pass1(x, p, n, per_block, BLOCK: tl.constexpr):
    pid = tl.program_id(0)
    acc = tl.zeros((BLOCK,), tl.float32)
    start = pid * per_block
    for o in range(0, per_block, BLOCK):
        i = start + o + tl.arange(0, BLOCK)
        acc += tl.load(x + i, mask=(i < n) & (o + tl.arange(0, BLOCK) < per_block), other=0.0)
    tl.store(p + pid, tl.sum(acc, 0))


@triton.jit
def _pass2(p, out, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out, tl.sum(tl.load(p + i, mask=i < n, other=0.0), 0))


def _scratch(device, n):
    key = (device, n)
    if key not in _partials:
        _partials[key] = torch.empty(n, device=device, dtype=torch.float32)
    return _partials[key]


def custom_kernel(data: input_t) -> output_t:
    x, out = data
    n = x.numel()
    blocks = min(1024, triton.cdiv(n, 4096))
    part = _scratch(x.device, blocks)
    _pass1[(blocks,)](x, part, n, triton.cdiv(n, blocks), BLOCK=4096, num_warps=8)
    _pass2[(1,)](part, out, blocks, BLOCK=1024)
    return out
