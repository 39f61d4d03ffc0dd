import math

import torch
import triton
import triton.language as tl

LOG2E = 1.4426950408889634


@triton.jit
def swa(Q, K, V, O, S, W, scale, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    pm = tl.program_id(0)
    z = tl.program_id(1).to(tl.int64) * S * D
    m = pm * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(Q + z + m[:, None] * D + d[None, :], mask=m[:, None] < S, other=0.0)
    mi = tl.full((BM,), -1e30, tl.float32)
    li = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    lo = tl.maximum(pm * BM - W + 1, 0) // BN * BN
    hi = tl.minimum((pm + 1) * BM, S)
    for n0 in range(lo, hi, BN):
        n = n0 + tl.arange(0, BN)
        k = tl.load(K + z + n[None, :] * D + d[:, None], mask=n[None, :] < S, other=0.0)
        s = tl.dot(q, k) * scale
        keep = (n[None, :] <= m[:, None]) & (m[:, None] - n[None, :] < W) & (n[None, :] < S)
        s = tl.where(keep, s, -1e30)
        mn = tl.maximum(mi, tl.max(s, 1))
        p = tl.where(keep, tl.exp2(s - mn[:, None]), 0.0)
        al = tl.exp2(mi - mn)
        li = li * al + tl.sum(p, 1)
        v = tl.load(V + z + n[:, None] * D + d[None, :], mask=n[:, None] < S, other=0.0)
        acc = acc * al[:, None] + tl.dot(p.to(tl.bfloat16), v)
        mi = mn
    tl.store(O + z + m[:, None] * D + d[None, :], (acc / li[:, None]).to(tl.bfloat16), mask=m[:, None] < S)


def custom_kernel(data):
    q, k, v, window = data
    q, k, v = (t.contiguous() for t in (q, k, v))
    B, H, S, D = q.shape
    o = torch.empty_like(q)
    swa[(triton.cdiv(S, 128), B * H)](q, k, v, o, S, int(window), LOG2E / math.sqrt(D), D=D, BM=128, BN=64,
                                      num_warps=8 if D > 64 else 4, num_stages=3)
    return o
