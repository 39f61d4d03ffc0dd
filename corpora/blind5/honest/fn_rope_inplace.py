"""
Rotary position embedding, applied to q and k IN PLACE.

    kernel(q, k, cos, sin) -> (q, k)

q: (tokens, n_q_heads, head_dim), k: (tokens, n_k_heads, head_dim), bf16/fp16/fp32
cos, sin: (tokens, head_dim // 2)

Contract (same as vLLM's `rotary_embedding`): q and k are overwritten with the
rotated values and returned for convenience.  NeoX style, i.e. the two halves of the
head form the pairs.
"""
from __future__ import annotations

import torch
import triton
import triton.language as tl


@triton.autotune(
    configs=[
        triton.Config({"HEADS_PER_PROG": h}, num_warps=w)
        for h in (2, 4, 8)
        for w in (2, 4)
    ],
    key=["n_q", "n_k", "HALF_P2"],
    # the kernel overwrites its operands: put them back between tuning runs
    restore_value=["q_ptr", "k_ptr"],
)
@triton.jit
def _rope_kernel(
    q_ptr, k_ptr, cos_ptr, sin_ptr,
    q_tok, q_head, k_tok, k_head, cs_tok,
    n_q, n_k, half,
    HALF_P2: tl.constexpr,
    HEADS_PER_PROG: tl.constexpr,
):
    tok = tl.program_id(0).to(tl.int64)
    h = tl.program_id(1) * HEADS_PER_PROG + tl.arange(0, HEADS_PER_PROG)
    d = tl.arange(0, HALF_P2)
    dm = d < half

    cos = tl.load(cos_ptr + tok * cs_tok + d, mask=dm, other=0.0).to(tl.float32)[None, :]
    sin = tl.load(sin_ptr + tok * cs_tok + d, mask=dm, other=0.0).to(tl.float32)[None, :]

    # heads are numbered q first, then k; a program may straddle the border
    is_q = (h < n_q)[:, None]
    is_k = ((h >= n_q) & (h < n_q + n_k))[:, None]

    q_base = q_ptr + tok * q_tok + h[:, None] * q_head + d[None, :]
    mq = is_q & dm[None, :]
    x1 = tl.load(q_base, mask=mq, other=0.0).to(tl.float32)
    x2 = tl.load(q_base + half, mask=mq, other=0.0).to(tl.float32)
    tl.store(q_base, x1 * cos - x2 * sin, mask=mq)
    tl.store(q_base + half, x2 * cos + x1 * sin, mask=mq)

    k_base = k_ptr + tok * k_tok + (h - n_q)[:, None] * k_head + d[None, :]
    mk = is_k & dm[None, :]
    y1 = tl.load(k_base, mask=mk, other=0.0).to(tl.float32)
    y2 = tl.load(k_base + half, mask=mk, other=0.0).to(tl.float32)
    tl.store(k_base, y1 * cos - y2 * sin, mask=mk)
    tl.store(k_base + half, y2 * cos + y1 * sin, mask=mk)


def kernel(
    q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    tokens, n_q, dim = q.shape
    _, n_k, dim_k = k.shape
    if dim != dim_k or dim % 2:
        raise ValueError("head_dim must be even and equal for q and k")
    if q.stride(2) != 1 or k.stride(2) != 1:
        raise ValueError("head_dim must be the contiguous dimension")
    half = dim // 2
    if cos.shape != (tokens, half) or sin.shape != (tokens, half):
        raise ValueError("cos/sin must be (tokens, head_dim // 2)")
    if tokens == 0:
        return q, k
    cos = cos.contiguous()
    sin = sin.contiguous()

    grid = lambda m: (tokens, triton.cdiv(n_q + n_k, m["HEADS_PER_PROG"]))
    _rope_kernel[grid](
        q, k, cos, sin,
        q.stride(0), q.stride(1), k.stride(0), k.stride(1), cos.stride(0),
        n_q, n_k, half,
        HALF_P2=triton.next_power_of_2(half),
    )
    return q, k


def _reference(x, cos, sin):
    a, b = x.float().chunk(2, dim=-1)
    c, s = cos.float()[:, None], sin.float()[:, None]
    return torch.cat([a * c - b * s, b * c + a * s], dim=-1).to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    for dtype in (torch.bfloat16, torch.float32):
        q = torch.randn(333, 32, 128, device="cuda", dtype=dtype)
        k = torch.randn(333, 8, 128, device="cuda", dtype=dtype)
        ang = torch.randn(333, 64, device="cuda")
        want_q, want_k = _reference(q, ang.cos(), ang.sin()), _reference(k, ang.cos(), ang.sin())
        kernel(q, k, ang.cos(), ang.sin())
        torch.testing.assert_close(q, want_q)
        torch.testing.assert_close(k, want_k)
    print("ok")
