import contextlib
import contextvars
from typing import NamedTuple

import torch
import torch.nn as nn
import triton
import triton.language as tl


class Launch(NamedTuple):
    block: int = 1024
    warps: int = 4


_launch = contextvars.ContextVar("launch", default=Launch())


@contextlib.contextmanager
def launch_config(**changes):
    token = _launch.set(_launch.get()._replace(**changes))
    try:
        yield
    finally:
        _launch.reset(token)


@triton.jit
def _kl(p_ptr, q_ptr, part_ptr, n, BLOCK: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = o < n
    lp = tl.load(p_ptr + o, mask=m, other=1.0)
    t = tl.load(q_ptr + o, mask=m, other=0.0)
    v = tl.where(t > 0, t * (tl.log(tl.where(t > 0, t, 1.0)) - tl.log(lp)), 0.0)
    tl.store(part_ptr + tl.program_id(0), tl.sum(v, 0))


class ModelNew(nn.Module):
    """kl_div(log(predictions), targets, reduction='batchmean')"""

    def __init__(self):
        super().__init__()

    def forward(self, predictions, targets):
        p, t = predictions.contiguous(), targets.contiguous()
        n = p.numel()
        with launch_config(block=4096, warps=8) if n > 1 << 22 else contextlib.nullcontext():
            cfg = _launch.get()
            blocks = triton.cdiv(n, cfg.block)
            parts = torch.empty(blocks, device=p.device, dtype=torch.float32)
            _kl[(blocks,)](p, t, parts, n, BLOCK=cfg.block, num_warps=cfg.warps)
        return parts.sum() / p.shape[0]
