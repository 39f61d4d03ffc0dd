import contextlib
import os

import torch
import torch.nn as nn
import triton
import triton.language as tl

PROFILE = os.environ.get("KERNEL_PROFILE", "0") == "1"
DEBUG = bool(int(os.getenv("KERNEL_DEBUG", "0")))


@contextlib.contextmanager
def region(name: str):
    """NVTX range when KERNEL_PROFILE=1; the kernel is the same either way."""
    if not PROFILE:
        yield
        return
    torch.cuda.nvtx.range_push(name)
    try:
        yield
    finally:
        torch.cuda.nvtx.range_pop()


@triton.jit
def kl_div(logp, q, out, n, BLOCK: tl.constexpr):
    r = tl.program_id(0)
    acc = tl.zeros((BLOCK,), tl.float32)
    for s in range(0, n, BLOCK):
        c = s + tl.arange(0, BLOCK)
        t = tl.load(q + r * n + c, mask=c < n, other=0.0)
        lp = tl.load(logp + r * n + c, mask=c < n, other=0.0)
        acc += tl.where(t > 0, t * (tl.log(tl.where(t > 0, t, 1.0)) - lp), 0.0)
    tl.store(out + r, tl.sum(acc, 0))


class ModelNew(nn.Module):
    def forward(self, predictions, targets):
        with region("log"):
            logp = torch.log(predictions)
        rows, n = logp.shape
        part = torch.empty(rows, device=logp.device, dtype=torch.float32)
        with region("kl_div"):
            kl_div[(rows,)](logp, targets.contiguous(), part, n, BLOCK=1024)
        if DEBUG:
            torch.cuda.synchronize()
            print("kl_div", tuple(predictions.shape), part.mean().item(), flush=True)
        return part.sum() / rows
