import os

import torch
import torch.nn as nn
import triton
import triton.language as tl

BLOCK_HEADS = int(os.environ.get("ROPE_BLOCK_HEADS", "4"))
NUM_WARPS = int(os.environ.get("ROPE_NUM_WARPS", "4"))


@triton.jit
def _rope(x_ptr, cos_ptr, sin_ptr, o_ptr, S, H, HALF, BH: tl.constexpr, BD: tl.constexpr):
    tok = tl.program_id(0).to(tl.int64)
    s = tok % S
    h = tl.program_id(1) * BH + tl.arange(0, BH)
    d = tl.arange(0, BD)
    dm = d < HALF
    m = (h[:, None] < H) & dm[None, :]
    c = tl.load(cos_ptr + s * HALF + d, mask=dm, other=0.0)[None, :]
    n = tl.load(sin_ptr + s * HALF + d, mask=dm, other=0.0)[None, :]
    base = tok * H * 2 * HALF + h[:, None] * 2 * HALF + d[None, :]
    a = tl.load(x_ptr + base, mask=m, other=0.0).to(tl.float32)
    b = tl.load(x_ptr + base + HALF, mask=m, other=0.0).to(tl.float32)
    ty = o_ptr.dtype.element_ty
    tl.store(o_ptr + base, (a * c - b * n).to(ty), mask=m)
    tl.store(o_ptr + base + HALF, (b * c + a * n).to(ty), mask=m)


class ModelNew(nn.Module):
    """Rotary embedding (rotate-half) of x with shape (batch, seq, heads, dim)."""

    def __init__(self, dim, max_seq, base=10000.0):
        super().__init__()
        inv = 1.0 / base ** (torch.arange(0, dim, 2, dtype=torch.float64) / dim)
        angle = torch.outer(torch.arange(max_seq, dtype=torch.float64), inv)
        self.register_buffer("cos", angle.cos().float().contiguous(), persistent=False)
        self.register_buffer("sin", angle.sin().float().contiguous(), persistent=False)

    def forward(self, x):
        x = x.contiguous()
        B, S, H, D = x.shape
        if S > self.cos.shape[0]:
            raise ValueError("sequence longer than the table")
        out = torch.empty_like(x)
        _rope[(B * S, triton.cdiv(H, BLOCK_HEADS))](
            x, self.cos, self.sin, out, S, H, D // 2,
            BH=BLOCK_HEADS, BD=triton.next_power_of_2(D // 2), num_warps=NUM_WARPS,
        )
        return out
