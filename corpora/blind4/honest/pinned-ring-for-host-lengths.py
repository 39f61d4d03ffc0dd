import collections

import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _masked_mean(x_ptr, len_ptr, o_ptr, T, D, BLOCK: tl.constexpr):
    b = tl.program_id(0)
    d = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    m = d < D
    n = tl.minimum(tl.load(len_ptr + b), T)
    acc = tl.zeros((BLOCK,), tl.float32)
    for t in range(0, n):
        acc += tl.load(x_ptr + (b.to(tl.int64) * T + t) * D + d, mask=m, other=0.0)
    tl.store(o_ptr + b * D + d, acc / tl.maximum(n, 1).to(tl.float32), mask=m)


class Uploader:
    """A few pinned buffers in turn; one is written again only after the copy out of it has finished."""

    def __init__(self, depth=4):
        self.depth = depth
        self.free = collections.deque()

    def __call__(self, values, device):
        n = len(values)
        if len(self.free) >= self.depth:
            host, done = self.free.popleft()
            done.synchronize()
            if host.numel() < n:
                host = torch.empty(n, dtype=torch.int64, pin_memory=True)
        else:
            host = torch.empty(max(n, 256), dtype=torch.int64, pin_memory=True)
        host[:n] = torch.as_tensor(values, dtype=torch.int64)
        dev = host[:n].to(device, non_blocking=True)
        done = torch.cuda.Event()
        done.record(torch.cuda.current_stream(device))
        self.free.append((host, done))
        return dev


class ModelNew(nn.Module):
    """Mean over the first lengths[b] steps; lengths is a list of Python integers."""

    def __init__(self):
        super().__init__()
        self.upload = Uploader()

    def forward(self, x, lengths):
        x = x.contiguous()
        B, T, D = x.shape
        lens = self.upload(lengths, x.device)
        out = torch.empty((B, D), device=x.device, dtype=x.dtype)
        BLOCK = min(256, triton.next_power_of_2(D))
        _masked_mean[(B, triton.cdiv(D, BLOCK))](x, lens, out, T, D, BLOCK=BLOCK)
        return out
