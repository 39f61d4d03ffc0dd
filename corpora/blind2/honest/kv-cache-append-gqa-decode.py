"""Decode step with a KV cache: the task hands over the cache and asks for it to be updated in place."""
import math

import torch
import triton
import triton.language as tl
from task import input_t, output_t


@triton.jit
def append_kv(cache_k, cache_v, k, v, pos, H, S, D: tl.constexpr):
    bh = tl.program_id(0)
    d = tl.arange(0, D)
    p = tl.load(pos + bh // H)
    tl.store(cache_k + (bh * S + p) * D + d, tl.load(k + bh * D + d))
    tl.store(cache_v + (bh * S + p) * D + d, tl.load(v + bh * D + d))


@triton.jit
def decode_gqa(q, ck, cv, o, pos, HQ, HK, S, scale, WINDOW: tl.constexpr, D: tl.constexpr, BS: tl.constexpr):
    b = tl.program_id(0) // HQ
    h = tl.program_id(0) % HQ
    kvh = b * HK + h // (HQ // HK)
    d = tl.arange(0, D)
    qv = tl.load(q + tl.program_id(0) * D + d).to(tl.float32)
    end = tl.load(pos + b) + 1
    start = tl.maximum(0, end - WINDOW)
    m = -float("inf")
    l = 0.0
    acc = tl.zeros((D,), tl.float32)
    for s0 in range(start, end, BS):
        s = s0 + tl.arange(0, BS)
        ok = s < end
        kk = tl.load(ck + (kvh * S + s[:, None]) * D + d[None, :], mask=ok[:, None], other=0.0).to(tl.float32)
        sc = tl.where(ok, tl.sum(kk * qv[None, :], 1) * scale, -float("inf"))
        mn = tl.maximum(m, tl.max(sc, 0))
        p = tl.exp(sc - mn)
        c = tl.exp(m - mn)
        vv = tl.load(cv + (kvh * S + s[:, None]) * D + d[None, :], mask=ok[:, None], other=0.0).to(tl.float32)
        acc = acc * c + tl.sum(vv * p[:, None], 0)
        l = l * c + tl.sum(p, 0)
        m = mn
    tl.store(o + tl.program_id(0) * D + d, (acc / l).to(o.dtype.element_ty))


def custom_kernel(data: input_t) -> output_t:
    q, k, v, cache_k, cache_v, pos, window = data
    B, HQ, D = q.shape
    HK, S = cache_k.shape[1:3]
    append_kv[(B * HK,)](cache_k, cache_v, k.contiguous(), v.contiguous(), pos, HK, S, D=D)
    o = torch.empty_like(q)
    decode_gqa[(B * HQ,)](q.contiguous(), cache_k, cache_v, o, pos, HQ, HK, S, 1 / math.sqrt(D), WINDOW=window, D=D, BS=64)
    return o, cache_k, cache_v
