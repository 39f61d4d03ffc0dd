#!POPCORN leaderboard softmax-xent
import torch
import triton
import triton.language as tl


class Arena:
    """Bump allocator over one buffer for temporaries. Reset at the start of a call;
    results are never taken from it."""

    def __init__(self, nbytes: int, device):
        self.buffer = torch.empty(nbytes, dtype=torch.uint8, device=device)
        self.offset = 0

    def reset(self):
        self.offset = 0

    def take(self, *shape, dtype=torch.float32):
        count = 1
        for s in shape:
            count *= s
        size = count * dtype.itemsize
        start = (self.offset + 255) // 256 * 256
        if start + size > self.buffer.numel():
            return torch.empty(shape, dtype=dtype, device=self.buffer.device)
        self.offset = start + size
        return self.buffer[start : start + size].view(dtype).view(shape)


_arenas = {}


@triton.jit
def row_loss(x, t, loss, n, B: tl.constexpr):
    r = tl.program_id(0)
    c = tl.arange(0, B)
    v = tl.load(x + r * n + c, mask=c < n, other=-float("inf"))
    m = tl.max(v, 0)
    z = m + tl.log(tl.sum(tl.exp(v - m), 0))
    tl.store(loss + r, z - tl.load(x + r * n + tl.load(t + r)))


@triton.jit
def mean(loss, out, n, B: tl.constexpr):
    acc = tl.zeros((B,), tl.float32)
    for s in range(0, n, B):
        c = s + tl.arange(0, B)
        acc += tl.load(loss + c, mask=c < n, other=0.0)
    tl.store(out, tl.sum(acc, 0) / n)


def custom_kernel(data):
    logits, target = data
    arena = _arenas.setdefault(logits.device, None) or Arena(1 << 24, logits.device)
    _arenas[logits.device] = arena
    arena.reset()
    rows, n = logits.shape
    loss = arena.take(rows)
    out = torch.empty((), device=logits.device)
    row_loss[(rows,)](logits.contiguous(), target, loss, n, B=triton.next_power_of_2(n))
    mean[(1,)](loss, out, rows, B=1024)
    return out
