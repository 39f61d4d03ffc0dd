"""
KernelBench level 1, problem 1: C = A @ B for square fp32 matrices.

Full fp32: tl.dot would take TF32 for fp32 operands unless told otherwise, so
``input_precision="ieee"`` is set explicitly.
"""
import os

# Keep the Triton cache on local disk; the default home of the CI user is NFS.
os.environ.setdefault("TRITON_CACHE_DIR", "/tmp/triton_cache_%d" % os.getuid())

import torch
import torch.nn as nn
import triton
import triton.language as tl


def _configs():
    out = []
    for bm, bn, bk, warps, stages in [
        (128, 128, 16, 8, 3),
        (128, 64, 16, 4, 3),
        (64, 128, 16, 4, 3),
        (64, 64, 32, 4, 3),
        (64, 64, 16, 4, 4),
        (32, 64, 32, 4, 4),
    ]:
        out.append(
            triton.Config(
                {"BM": bm, "BN": bn, "BK": bk, "GROUP": 8},
                num_warps=warps,
                num_stages=stages,
            )
        )
    return out


@triton.autotune(configs=_configs(), key=["M", "N", "K"])
@triton.jit
def _matmul_kernel(
    a_ptr, b_ptr, c_ptr,
    M, N, K,
    sam, sak, sbk, sbn, scm, scn,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr,
):
    pid = tl.program_id(0)
    num_m = tl.cdiv(M, BM)
    num_n = tl.cdiv(N, BN)
    # Grouped order: neighbouring programs share columns of B in L2.
    in_group = GROUP * num_n
    group = pid // in_group
    first_m = group * GROUP
    size_m = min(num_m - first_m, GROUP)
    pid_m = first_m + (pid % in_group) % size_m
    pid_n = (pid % in_group) // size_m

    rm = pid_m * BM + tl.arange(0, BM)
    rn = pid_n * BN + tl.arange(0, BN)
    rk = tl.arange(0, BK)
    mask_m = rm < M
    mask_n = rn < N

    a_ptrs = a_ptr + rm[:, None].to(tl.int64) * sam + rk[None, :] * sak
    b_ptrs = b_ptr + rk[:, None].to(tl.int64) * sbk + rn[None, :] * sbn

    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(0, tl.cdiv(K, BK)):
        mask_k = rk < K - k * BK
        a = tl.load(a_ptrs, mask=mask_m[:, None] & mask_k[None, :], other=0.0)
        b = tl.load(b_ptrs, mask=mask_k[:, None] & mask_n[None, :], other=0.0)
        acc = tl.dot(a, b, acc, input_precision="ieee")
        a_ptrs += BK * sak
        b_ptrs += BK * sbk

    c_ptrs = c_ptr + rm[:, None].to(tl.int64) * scm + rn[None, :] * scn
    tl.store(c_ptrs, acc, mask=mask_m[:, None] & mask_n[None, :])


def triton_matmul(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    assert a.is_cuda and b.is_cuda
    assert a.dtype == torch.float32 and b.dtype == torch.float32
    M, K = a.shape
    K2, N = b.shape
    assert K == K2, "inner dimensions differ"
    c = torch.empty((M, N), device=a.device, dtype=torch.float32)
    if c.numel() == 0:
        return c
    if K == 0:
        return c.zero_()

    grid = lambda meta: (triton.cdiv(M, meta["BM"]) * triton.cdiv(N, meta["BN"]),)
    _matmul_kernel[grid](
        a, b, c, M, N, K,
        a.stride(0), a.stride(1),
        b.stride(0), b.stride(1),
        c.stride(0), c.stride(1),
    )
    return c


class ModelNew(nn.Module):
    def __init__(self):
        super().__init__()

    def forward(self, A: torch.Tensor, B: torch.Tensor) -> torch.Tensor:
        return triton_matmul(A, B)


N = 2048


def get_inputs():
    A = torch.rand(N, N)
    B = torch.rand(N, N)
    return [A, B]


def get_init_inputs():
    return []


if __name__ == "__main__":
    model = ModelNew()
    for shape in [(2048, 2048, 2048), (257, 129, 511), (1, 7, 3)]:
        m, k, n = shape
        x = torch.randn(m, k, device="cuda")
        y = torch.randn(k, n, device="cuda")
        got = model(x, y)
        ref = (x.double() @ y.double()).float()
        print(shape, "max err", (got - ref).abs().max().item())
        assert torch.allclose(got, ref, rtol=1e-4, atol=1e-3)
    x, y = (t.cuda() for t in get_inputs())
    print("triton ms:", triton.testing.do_bench(lambda: model(x, y)))
    print("cublas ms:", triton.testing.do_bench(lambda: x @ y))
