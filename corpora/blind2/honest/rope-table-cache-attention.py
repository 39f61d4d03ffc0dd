import math
from typing import Dict, Tuple

import torch
import torch.nn as nn
import torch.nn.functional as F
import triton
import triton.language as tl


@triton.jit
def apply_rope(x, cos, sin, y, S, HALF: tl.constexpr):
    r = tl.program_id(0)
    s = r % S
    i = tl.arange(0, HALF)
    a = tl.load(x + r * 2 * HALF + i)
    b = tl.load(x + r * 2 * HALF + HALF + i)
    c = tl.load(cos + s * HALF + i)
    d = tl.load(sin + s * HALF + i)
    tl.store(y + r * 2 * HALF + i, a * c - b * d)
    tl.store(y + r * 2 * HALF + HALF + i, a * d + b * c)


class RotaryTables:
    """cos/sin tables depend only on position and head size, so they are kept per length."""

    def __init__(self, dim, base=10000.0):
        self.dim, self.base = dim, base
        self._tables: Dict[Tuple[int, torch.device], Tuple[torch.Tensor, torch.Tensor]] = {}

    def __call__(self, length, device):
        key = (length, device)
        if key not in self._tables:
            inv = self.base ** (-torch.arange(0, self.dim, 2, device=device, dtype=torch.float32) / self.dim)
            ang = torch.outer(torch.arange(length, device=device, dtype=torch.float32), inv)
            self._tables[key] = (ang.cos().contiguous(), ang.sin().contiguous())
        return self._tables[key]


class ModelNew(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.hd = heads, dim // heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)
        self.tables = RotaryTables(self.hd)

    def _rope(self, x):
        B, H, S, D = x.shape
        cos, sin = self.tables(S, x.device)
        y = torch.empty_like(x)
        apply_rope[(B * H * S,)](x, cos, sin, y, S, HALF=D // 2, num_warps=1)
        return y

    def forward(self, x):
        B, S, C = x.shape
        q, k, v = self.qkv(x).view(B, S, 3, self.heads, self.hd).permute(2, 0, 3, 1, 4).contiguous()
        p = F.softmax(self._rope(q) @ self._rope(k).transpose(-1, -2) / math.sqrt(self.hd), dim=-1)
        return self.out((p @ v).transpose(1, 2).reshape(B, S, C))


def get_inputs():
    return [torch.randn(4, 1024, 768)]


def get_init_inputs():
    return [768, 12]
