import torch
import triton
import triton.language as tl

# The counts buffer is kept between calls to avoid an allocation in the hot path; it is
# cleared and filled again for every input and the caller gets a copy.
_counts = {}


@triton.jit
def hist(x, counts, n, NB: tl.constexpr, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    m = i < n
    v = tl.load(x + i, mask=m, other=0).to(tl.int32)
    local = tl.histogram(v, NB)
    pad = tl.sum(tl.where(m, 0, 1), 0)
    j = tl.arange(0, NB)
    local = local - tl.where(j == 0, pad, 0)
    tl.atomic_add(counts + j, local)


def custom_kernel(data):
    x = data.contiguous()
    c = _counts.setdefault(x.device, torch.empty(256, dtype=torch.int32, device=x.device))
    c.zero_()
    n = x.numel()
    hist[(triton.cdiv(n, 4096),)](x, c, n, NB=256, B=4096)
    return c.to(torch.int64)
