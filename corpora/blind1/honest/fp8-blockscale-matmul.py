#!POPCORN leaderboard amd-fp8-mm
#!POPCORN gpus MI300
"""The task is block-scaled fp8: a [m, k] e4m3 with 1x128 scales, b [n, k] with 128x128
scales, bf16 output. Scales are applied per k-block to the fp32 accumulator."""
import torch
import triton
import triton.language as tl
from task import input_t, output_t

BLOCK_SCALE = 128


@triton.autotune(
    configs=[triton.Config({"BM": bm, "BN": bn}, num_warps=w) for bm, bn, w in ((64, 128, 4), (128, 128, 8))],
    key=["M", "N", "K"],
)
@triton.jit
def fp8_gemm(a, b, sa, sb, c, M, N, K, sam, sak, sbn, sbk, ssa_m, ssa_k, ssb_n, ssb_k, scm, scn,
             BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    pm = tl.program_id(0)
    pn = tl.program_id(1)
    rm = pm * BM + tl.arange(0, BM)
    rn = pn * BN + tl.arange(0, BN)
    rk = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), tl.float32)
    for kb in range(0, tl.cdiv(K, BK)):
        k = kb * BK + rk
        av = tl.load(a + rm[:, None] * sam + k[None, :] * sak, mask=(rm[:, None] < M) & (k[None, :] < K), other=0.0)
        bv = tl.load(b + rn[None, :] * sbn + k[:, None] * sbk, mask=(rn[None, :] < N) & (k[:, None] < K), other=0.0)
        s_a = tl.load(sa + rm * ssa_m + kb * ssa_k, mask=rm < M, other=0.0)
        s_b = tl.load(sb + (rn // BK) * ssb_n + kb * ssb_k, mask=rn < N, other=0.0)
        acc += tl.dot(av, bv) * s_a[:, None] * s_b[None, :]
    tl.store(c + rm[:, None] * scm + rn[None, :] * scn, acc.to(tl.bfloat16),
             mask=(rm[:, None] < M) & (rn[None, :] < N))


def custom_kernel(data: input_t) -> output_t:
    a, b, a_scale, b_scale, c = data
    m, k = a.shape
    n = b.shape[0]
    grid = lambda meta: (triton.cdiv(m, meta["BM"]), triton.cdiv(n, meta["BN"]))
    fp8_gemm[grid](a, b, a_scale, b_scale, c, m, n, k, *a.stride(), *b.stride(),
                   *a_scale.stride(), *b_scale.stride(), *c.stride(), BK=BLOCK_SCALE)
    return c
