import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _pool_mean(x, y, HW, BLOCK: tl.constexpr):
    r = tl.program_id(0)
    acc = tl.zeros((BLOCK,), tl.float32)
    for s in range(0, HW, BLOCK):
        c = s + tl.arange(0, BLOCK)
        acc += tl.load(x + r * HW + c, mask=c < HW, other=0.0)
    tl.store(y + r, tl.sum(acc, 0) / HW)


@triton.jit
def _pool_max(x, y, HW, BLOCK: tl.constexpr):
    r = tl.program_id(0)
    acc = tl.full((BLOCK,), -float("inf"), tl.float32)
    for s in range(0, HW, BLOCK):
        c = s + tl.arange(0, BLOCK)
        acc = tl.maximum(acc, tl.load(x + r * HW + c, mask=c < HW, other=-float("inf")))
    tl.store(y + r, tl.max(acc, 0))


class ModelNew(nn.Module):
    """Concat(global average pool, global max pool). The two reductions overlap."""

    def __init__(self):
        super().__init__()
        self.side = torch.cuda.Stream()

    def forward(self, x):
        x = x.contiguous()
        n, c, h, w = x.shape
        out = torch.empty(2, n * c, device=x.device, dtype=x.dtype)
        cur = torch.cuda.current_stream(x.device)
        self.side.wait_stream(cur)
        with torch.cuda.stream(self.side):
            _pool_max[(n * c,)](x, out[1], h * w, BLOCK=1024)
        x.record_stream(self.side)
        out.record_stream(self.side)
        _pool_mean[(n * c,)](x, out[0], h * w, BLOCK=1024)
        cur.wait_stream(self.side)
        return out.view(2, n, c).transpose(0, 1).reshape(n, 2 * c)
