import itertools
import json
import os

import torch
import triton
import triton.language as tl
from task import input_t, output_t

_best = {}
_PIN = os.environ.get("MM_CONFIG")          # e.g. '[64, 64, 32, 4]'


@triton.jit
def mm(A, B, C, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for k in range(0, K, BK):
        rk = k + tl.arange(0, BK)
        a = tl.load(A + rm[:, None] * K + rk[None, :], mask=(rm[:, None] < M) & (rk[None, :] < K), other=0.0)
        b = tl.load(B + rk[:, None] * N + rn[None, :], mask=(rk[:, None] < K) & (rn[None, :] < N), other=0.0)
        acc = tl.dot(a, b, acc)
    tl.store(C + rm[:, None] * N + rn[None, :], acc.to(C.dtype.element_ty), mask=(rm[:, None] < M) & (rn[None, :] < N))


def _launch(cfg, a, b, c):
    bm, bn, bk, warps = cfg
    M, K = a.shape
    N = b.shape[1]
    mm[(triton.cdiv(M, bm), triton.cdiv(N, bn))](a, b, c, M, N, K, BM=bm, BN=bn, BK=bk, num_warps=warps)


def _tune(a, b, c):
    best, best_ms = None, float("inf")
    for cfg in itertools.product((64, 128), (64, 128), (32, 64), (4, 8)):
        try:
            ms = triton.testing.do_bench(lambda: _launch(cfg, a, b, c), warmup=5, rep=20)
        except triton.runtime.errors.OutOfResources:
            continue
        if ms < best_ms:
            best, best_ms = cfg, ms
    return best


def custom_kernel(data: input_t) -> output_t:
    a, b, c = data
    key = (*a.shape, b.shape[1], a.dtype)
    cfg = _best.get(key)
    if cfg is None:
        cfg = _best[key] = tuple(json.loads(_PIN)) if _PIN else _tune(a, b, c)
    _launch(cfg, a, b, c)
    return c
