"""Tile sizes are picked by timing a handful of candidates once per problem size."""
import torch
import triton
import triton.language as tl


@triton.jit
def mm(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for k0 in range(0, K, BK):
        rk = k0 + tl.arange(0, BK)
        x = tl.load(a + rm[:, None] * K + rk[None, :], mask=(rm[:, None] < M) & (rk[None, :] < K), other=0.0)
        y = tl.load(b + rk[:, None] * N + rn[None, :], mask=(rk[:, None] < K) & (rn[None, :] < N), other=0.0)
        acc = tl.dot(x, y, acc)
    tl.store(c + rm[:, None] * N + rn[None, :], acc.to(c.dtype.element_ty),
             mask=(rm[:, None] < M) & (rn[None, :] < N))


CANDIDATES = [(64, 64, 64, 4), (128, 64, 64, 4), (128, 128, 32, 8), (128, 256, 64, 8)]
_choice = {}


def _launch(a, b, c, cand):
    bm, bn, bk, warps = cand
    M, K = a.shape
    N = b.shape[1]
    mm[(triton.cdiv(M, bm), triton.cdiv(N, bn))](a, b, c, M, N, K, BM=bm, BN=bn, BK=bk, num_warps=warps)


def _pick(a, b, c):
    best, best_ms = CANDIDATES[0], float("inf")
    for cand in CANDIDATES:
        try:
            _launch(a, b, c, cand)
        except triton.runtime.errors.OutOfResources:
            continue
        e0, e1 = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        e0.record()
        for _ in range(5):
            _launch(a, b, c, cand)
        e1.record()
        e1.synchronize()
        ms = e0.elapsed_time(e1)
        if ms < best_ms:
            best, best_ms = cand, ms
    return best


def custom_kernel(data):
    a, b = (t.contiguous() for t in data)
    c = torch.empty((a.shape[0], b.shape[1]), device=a.device, dtype=a.dtype)
    key = (a.shape[0], b.shape[1], a.shape[1], a.dtype)
    if key not in _choice:
        _choice[key] = _pick(a, b, c)
    _launch(a, b, c, _choice[key])
    return c
