import torch
import triton
import triton.language as tl


@triton.jit
def mm_out(A, B, C, M, N, K, sa0, sa1, sb0, sb1, sc0, sc1,
           BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for k0 in range(0, K, BK):
        k = k0 + tl.arange(0, BK)
        a = tl.load(A + m[:, None] * sa0 + k[None, :] * sa1, mask=(m[:, None] < M) & (k[None, :] < K), other=0.0)
        b = tl.load(B + k[:, None] * sb0 + n[None, :] * sb1, mask=(k[:, None] < K) & (n[None, :] < N), other=0.0)
        acc = tl.dot(a, b, acc)
    tl.store(C + m[:, None] * sc0 + n[None, :] * sc1, acc.to(tl.float16), mask=(m[:, None] < M) & (n[None, :] < N))


def custom_kernel(data):
    # data = (a fp16, b fp16, c fp16 output)
    a, b, c = data
    M, K = a.shape
    N = b.shape[1]
    mm_out[(triton.cdiv(M, 128), triton.cdiv(N, 128))](
        a, b, c, M, N, K, *a.stride(), *b.stride(), *c.stride(), BM=128, BN=128, BK=64, num_warps=8, num_stages=3)
    return c
