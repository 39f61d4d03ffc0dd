"""
C = relu(A @ B + bias), fp32 in, fp32 out.

Persistent, software-pipelined Triton GEMM.  fp32 accumulation.
"""
import torch
import triton
import triton.language as tl


@triton.jit
def _tile(pid, M, N, BM: tl.constexpr, BN: tl.constexpr, GROUP: tl.constexpr):
    num_m = tl.cdiv(M, BM)
    num_n = tl.cdiv(N, BN)
    per_group = GROUP * num_n
    g = pid // per_group
    first = g * GROUP
    size = min(num_m - first, GROUP)
    return first + (pid % per_group) % size, (pid % per_group) // size


@triton.jit
def _ld(ptr, rows, cols, s0, s1, R, C):
    m = (rows[:, None] < R) & (cols[None, :] < C)
    v = tl.load(ptr + rows[:, None] * s0 + cols[None, :] * s1, mask=m, other=0.0)
    # keeps the shared-memory footprint at 2 stages x 32 KiB
    return v.to(tl.bfloat16)


@triton.jit
def gemm_kernel(a_ptr, b_ptr, bias_ptr, c_ptr, M, N, K,
                sam, sak, sbk, sbn, scm, scn,
                BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
                GROUP: tl.constexpr, SMS: tl.constexpr):
    start = tl.program_id(0)
    tiles = tl.cdiv(M, BM) * tl.cdiv(N, BN)
    for pid in range(start, tiles, SMS):
        pm, pn = _tile(pid, M, N, BM, BN, GROUP)
        rm = pm * BM + tl.arange(0, BM)
        rn = pn * BN + tl.arange(0, BN)
        acc = tl.zeros((BM, BN), dtype=tl.float32)
        for k0 in range(0, K, BK):
            rk = k0 + tl.arange(0, BK)
            a = _ld(a_ptr, rm, rk, sam, sak, M, K)
            b = _ld(b_ptr, rk, rn, sbk, sbn, K, N)
            acc = tl.dot(a, b, acc)
        acc += tl.load(bias_ptr + rn, mask=rn < N, other=0.0)[None, :]
        acc = tl.maximum(acc, 0.0)
        tl.store(c_ptr + rm[:, None] * scm + rn[None, :] * scn, acc,
                 mask=(rm[:, None] < M) & (rn[None, :] < N))


def kernel(a: torch.Tensor, b: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    assert a.dtype == torch.float32 and b.dtype == torch.float32
    M, K = a.shape
    N = b.shape[1]
    c = torch.empty((M, N), device=a.device, dtype=torch.float32)
    sms = torch.cuda.get_device_properties(a.device).multi_processor_count
    bm, bn, bk = 128, 128, 64
    grid = (min(sms, triton.cdiv(M, bm) * triton.cdiv(N, bn)),)
    gemm_kernel[grid](
        a, b, bias, c, M, N, K,
        a.stride(0), a.stride(1), b.stride(0), b.stride(1), c.stride(0), c.stride(1),
        BM=bm, BN=bn, BK=bk, GROUP=8, SMS=sms, num_warps=8, num_stages=3,
    )
    return c
