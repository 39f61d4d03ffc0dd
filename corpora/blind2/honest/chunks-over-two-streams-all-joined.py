import contextlib

import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _var_mean(x_ptr, o_ptr, HW, BLOCK: tl.constexpr):
    p = tl.program_id(0).to(tl.int64)
    s = tl.zeros((BLOCK,), tl.float32)
    for st in range(0, HW, BLOCK):
        c = st + tl.arange(0, BLOCK)
        s += tl.load(x_ptr + p * HW + c, mask=c < HW, other=0.0)
    mean = tl.sum(s, 0) / HW
    q = tl.zeros((BLOCK,), tl.float32)
    for st in range(0, HW, BLOCK):
        c = st + tl.arange(0, BLOCK)
        d = tl.load(x_ptr + p * HW + c, mask=c < HW, other=0.0) - mean
        q += tl.where(c < HW, d * d, 0.0)
    tl.store(o_ptr + p, tl.sqrt(tl.sum(q, 0) / HW))


_lanes = {}


@contextlib.contextmanager
def fan_out(device, count=2):
    """Streams that start after the caller's work; on leaving, the caller's stream waits for each of them."""
    here = torch.cuda.current_stream(device)
    lanes = _lanes.setdefault(device, [torch.cuda.Stream(device) for _ in range(count)])
    for lane in lanes:
        lane.wait_stream(here)
    try:
        yield lanes
    finally:
        for lane in lanes:
            here.wait_stream(lane)


class ModelNew(nn.Module):
    """Standard deviation (biased) of every plane of x, computed in chunks of the batch."""

    def __init__(self, chunks: int = 4):
        super().__init__()
        self.chunks = chunks

    def forward(self, x):
        x = x.contiguous()
        B, C, H, W = x.shape
        out = torch.empty((B, C), device=x.device, dtype=x.dtype)
        with fan_out(x.device) as lanes:
            for i, (xs, os) in enumerate(zip(x.chunk(self.chunks), out.chunk(self.chunks))):
                with torch.cuda.stream(lanes[i % len(lanes)]):
                    _var_mean[(xs.shape[0] * C,)](xs, os, H * W, BLOCK=1024)
            for lane in lanes:
                x.record_stream(lane)
                out.record_stream(lane)
        return out
