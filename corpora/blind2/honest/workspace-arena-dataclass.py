from dataclasses import dataclass, field
from typing import Dict, Tuple

import torch
import torch.nn as nn
import triton
import triton.language as tl


@dataclass
class Arena:
    """Scratch memory that grows on demand; contents never survive a call."""

    chunks: Dict[Tuple[torch.device, torch.dtype], torch.Tensor] = field(default_factory=dict)

    def take(self, n, device, dtype=torch.float32):
        key = (device, dtype)
        buf = self.chunks.get(key)
        if buf is None or buf.numel() < n:
            buf = self.chunks[key] = torch.empty(n, device=device, dtype=dtype)
        return buf[:n]


@triton.jit
def logsumexp_part(x, pm, ps, D, CH, BLOCK: tl.constexpr):
    r = tl.program_id(0)
    z = tl.program_id(1)
    c = z * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + r * D + c, mask=c < D, other=-float("inf"))
    m = tl.max(v, 0)
    tl.store(pm + r * CH + z, m)
    tl.store(ps + r * CH + z, tl.sum(tl.exp(v - m), 0))


@triton.jit
def logsumexp_merge(pm, ps, y, CH, BLOCK: tl.constexpr):
    r = tl.program_id(0)
    c = tl.arange(0, BLOCK)
    m = tl.load(pm + r * CH + c, mask=c < CH, other=-float("inf"))
    s = tl.load(ps + r * CH + c, mask=c < CH, other=0.0)
    mx = tl.max(m, 0)
    tl.store(y + r, mx + tl.log(tl.sum(s * tl.exp(m - mx), 0)))


class ModelNew(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.linear = nn.Linear(in_features, out_features)
        self.arena = Arena()

    def forward(self, x):
        h = torch.sigmoid(self.linear(x)).contiguous()
        R, D = h.shape
        ch = triton.cdiv(D, 1024)
        ws = self.arena.take(2 * R * ch, h.device)
        y = torch.empty(R, device=h.device, dtype=h.dtype)
        logsumexp_part[(R, ch)](h, ws[: R * ch], ws[R * ch:], D, ch, BLOCK=1024)
        logsumexp_merge[(R,)](ws[: R * ch], ws[R * ch:], y, ch, BLOCK=triton.next_power_of_2(ch))
        return y


def get_inputs():
    return [torch.randn(16384, 2048)]


def get_init_inputs():
    return [2048, 4096]
