"""
Decode attention (one query token per sequence) over a padded KV cache, flash-decoding style.

kernel(q, k_cache, v_cache, seq_lens) -> out
    q        (B, HQ, D)             fp16 or bf16
    k_cache  (B, S_MAX, HKV, D)     same dtype
    v_cache  (B, S_MAX, HKV, D)
    seq_lens (B,) int32, 0 <= seq_lens[b] <= S_MAX
    out      (B, HQ, D); rows of empty sequences are zero
"""
import math

import torch
import triton
import triton.language as tl


@triton.jit
def _split_kernel(
    q_ptr, k_ptr, v_ptr, len_ptr, acc_ptr, lse_ptr,
    HQ, HKV, group, splits, scale,
    kb, ks, kh, vb, vs, vh,
    D: tl.constexpr, BG: tl.constexpr, BN: tl.constexpr,
):
    b = tl.program_id(0).to(tl.int64)
    hk = tl.program_id(1)
    sp = tl.program_id(2)
    length = tl.load(len_ptr + b)
    per = tl.cdiv(tl.cdiv(length, splits), BN) * BN
    lo = sp * per
    hi = tl.minimum(lo + per, length)

    g = tl.arange(0, BG)
    d = tl.arange(0, D)
    gm = g < group
    head = hk * group + g
    q = tl.load(q_ptr + (b * HQ + head)[:, None] * D + d[None, :], mask=gm[:, None], other=0.0)

    m = tl.full((BG,), -float("inf"), tl.float32)
    l = tl.zeros((BG,), tl.float32)
    acc = tl.zeros((BG, D), tl.float32)
    for n0 in range(lo, hi, BN):
        n = n0 + tl.arange(0, BN)
        nm = n < hi
        k = tl.load(k_ptr + b * kb + n[None, :].to(tl.int64) * ks + hk * kh + d[:, None], mask=nm[None, :], other=0.0)
        s = tl.dot(q, k) * scale
        s = tl.where(nm[None, :], s, -float("inf"))
        m_new = tl.maximum(m, tl.max(s, axis=1))
        alpha = tl.exp(m - m_new)
        p = tl.exp(s - m_new[:, None])
        l = l * alpha + tl.sum(p, axis=1)
        v = tl.load(v_ptr + b * vb + n[:, None].to(tl.int64) * vs + hk * vh + d[None, :], mask=nm[:, None], other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = m_new

    # a split without keys leaves l == 0: its lse is -inf and it weighs nothing in the merge
    empty = l == 0.0
    inv = tl.where(empty, 0.0, 1.0 / tl.where(empty, 1.0, l))
    lse = tl.where(empty, -float("inf"), m + tl.log(tl.where(empty, 1.0, l)))
    at = (b * HQ + head) * splits + sp
    tl.store(acc_ptr + at[:, None] * D + d[None, :], acc * inv[:, None], mask=gm[:, None])
    tl.store(lse_ptr + at, lse, mask=gm)


@triton.jit
def _merge_kernel(acc_ptr, lse_ptr, o_ptr, splits, D: tl.constexpr, SP: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    s = tl.arange(0, SP)
    d = tl.arange(0, D)
    sm = s < splits
    lse = tl.load(lse_ptr + row * splits + s, mask=sm, other=-float("inf"))
    top = tl.max(lse, axis=0)
    top = tl.where(top == -float("inf"), 0.0, top)
    w = tl.exp(lse - top)
    tot = tl.sum(w, axis=0)
    acc = tl.load(acc_ptr + (row * splits + s)[:, None] * D + d[None, :], mask=sm[:, None], other=0.0)
    out = tl.sum(acc * w[:, None], axis=0) / tl.where(tot == 0.0, 1.0, tot)
    tl.store(o_ptr + row * D + d, out.to(o_ptr.dtype.element_ty))


# Partial results between the two launches.  Both run on the same stream, and the stream is
# part of the key, so two streams never share a buffer; the first launch fills it whole.
_workspaces: dict = {}


def _workspace(rows, splits, dim, device, stream):
    key = (rows, splits, dim, device, stream)
    ws = _workspaces.get(key)
    if ws is None:
        if len(_workspaces) >= 16:
            _workspaces.clear()
        ws = _workspaces[key] = (
            torch.empty((rows, splits, dim), device=device, dtype=torch.float32),
            torch.empty((rows, splits), device=device, dtype=torch.float32),
        )
    return ws


def kernel(q, k_cache, v_cache, seq_lens):
    B, HQ, D = q.shape
    _, S, HKV, _ = k_cache.shape
    assert HQ % HKV == 0, "grouped heads"
    assert D in (32, 64, 128, 256), "head_dim"
    assert k_cache.stride(3) == 1 and v_cache.stride(3) == 1
    q = q.contiguous()
    out = torch.empty_like(q)
    if out.numel() == 0:
        return out
    if S == 0:
        return out.zero_()
    group = HQ // HKV
    sms = torch.cuda.get_device_properties(q.device).multi_processor_count
    BN = 64 if D <= 128 else 32
    # by the capacity of the cache, not by the lengths: those are on the device
    splits = max(1, min(triton.cdiv(S, BN), triton.cdiv(2 * sms, B * HKV), 64))
    stream = torch.cuda.current_stream(q.device).cuda_stream
    acc, lse = _workspace(B * HQ, splits, D, q.device, stream)
    BG = max(16, triton.next_power_of_2(group))
    _split_kernel[(B, HKV, splits)](
        q, k_cache, v_cache, seq_lens, acc, lse,
        HQ, HKV, group, splits, 1.0 / math.sqrt(D),
        k_cache.stride(0), k_cache.stride(1), k_cache.stride(2),
        v_cache.stride(0), v_cache.stride(1), v_cache.stride(2),
        D=D, BG=BG, BN=BN, num_warps=4, num_stages=2,
    )
    _merge_kernel[(B * HQ,)](acc, lse, out, splits, D=D, SP=triton.next_power_of_2(splits), num_warps=4)
    return out
