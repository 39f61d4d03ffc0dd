#!POPCORN leaderboard int8_linear
#!POPCORN gpus A100
"""y = x @ (q * s).T, x (M, K) float16, q (N, K) int8, s (N, K/64) float16: the task's own quantisation."""
import torch
import triton
import triton.language as tl


@triton.jit
def _w8a16(x_ptr, q_ptr, s_ptr, y_ptr, M, N, K, G: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    groups = K // G
    acc = tl.zeros((BM, BN), tl.float32)
    for g in range(0, groups):
        k = g * G + tl.arange(0, G)
        x = tl.load(x_ptr + rm[:, None] * K + k[None, :], mask=rm[:, None] < M, other=0.0)
        q = tl.load(q_ptr + rn[None, :] * K + k[:, None], mask=rn[None, :] < N, other=0)
        s = tl.load(s_ptr + rn * groups + g, mask=rn < N, other=0.0).to(tl.float32)
        part = tl.dot(x, q.to(tl.float16))
        acc += part * s[None, :]
    tl.store(y_ptr + rm[:, None] * N + rn[None, :], acc.to(tl.float16), mask=(rm[:, None] < M) & (rn[None, :] < N))


def _tile(M):
    return (16, 128) if M <= 16 else (64, 64) if M <= 256 else (128, 128)


def custom_kernel(data):
    x, q, s = data
    x, q, s = x.contiguous(), q.contiguous(), s.contiguous()
    M, K = x.shape
    N = q.shape[0]
    if K % 64 or s.shape != (N, K // 64):
        raise ValueError("64 columns share a scale")
    y = torch.empty((M, N), device=x.device, dtype=torch.float16)
    BM, BN = _tile(M)
    _w8a16[(triton.cdiv(M, BM), triton.cdiv(N, BN))](
        x, q, s, y, M, N, K, G=64, BM=BM, BN=BN, num_warps=8 if BM == 128 else 4
    )
    return y
