import contextlib
import statistics
import time

import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _cosine(p_ptr, t_ptr, o_ptr, D, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    pt = tl.zeros((BLOCK,), tl.float32)
    pp = tl.zeros((BLOCK,), tl.float32)
    tt = tl.zeros((BLOCK,), tl.float32)
    for s in range(0, D, BLOCK):
        c = s + tl.arange(0, BLOCK)
        p = tl.load(p_ptr + row * D + c, mask=c < D, other=0.0)
        t = tl.load(t_ptr + row * D + c, mask=c < D, other=0.0)
        pt += p * t
        pp += p * p
        tt += t * t
    den = tl.sqrt(tl.maximum(tl.sum(pp, 0), 1e-16)) * tl.sqrt(tl.maximum(tl.sum(tt, 0), 1e-16))
    tl.store(o_ptr + row, 1.0 - tl.sum(pt, 0) / den)


class Stopwatch:
    def __init__(self):
        self.samples = []

    @contextlib.contextmanager
    def lap(self):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        yield
        torch.cuda.synchronize()
        self.samples.append(time.perf_counter() - begin)

    def median(self):
        return statistics.median(self.samples)


class ModelNew(nn.Module):
    """Mean of (1 - cosine similarity)."""

    def __init__(self):
        super().__init__()

    def forward(self, predictions, targets):
        p, t = predictions.contiguous(), targets.contiguous()
        rows = torch.empty(p.shape[0], device=p.device, dtype=torch.float32)
        _cosine[(p.shape[0],)](p, t, rows, p.shape[1], BLOCK=min(2048, triton.next_power_of_2(p.shape[1])))
        return rows.mean()


def profile(model, *args, laps=50):
    """Developer helper: median wall time of a call; not used by the model."""
    watch = Stopwatch()
    for _ in range(laps):
        with watch.lap():
            model(*args)
    return watch.median()
