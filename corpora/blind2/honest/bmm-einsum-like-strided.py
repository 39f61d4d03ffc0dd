import torch
import torch.nn as nn
import triton
import triton.language as tl


def _strides(t, order):
    return [t.stride(d) for d in order]


@triton.jit
def bmm_kernel(A, B, C, M, N, K, ab, am, ak, bb, bk, bn,
               BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    z = tl.program_id(2)
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for k in range(0, K, BK):
        rk = k + tl.arange(0, BK)
        a = tl.load(A + z * ab + rm[:, None] * am + rk[None, :] * ak, mask=(rm[:, None] < M) & (rk[None, :] < K), other=0.0)
        b = tl.load(B + z * bb + rk[:, None] * bk + rn[None, :] * bn, mask=(rk[:, None] < K) & (rn[None, :] < N), other=0.0)
        acc = tl.dot(a, b, acc, input_precision="ieee")
    tl.store(C + (z * M + rm[:, None]) * N + rn[None, :], acc, mask=(rm[:, None] < M) & (rn[None, :] < N))


def bmm(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    if a.dim() != 3 or b.dim() != 3 or a.shape[0] != b.shape[0]:
        raise ValueError("expected matching 3D operands")
    Z, M, K = a.shape
    N = b.shape[2]
    c = a.new_empty((Z, M, N))
    grid = lambda m: (triton.cdiv(M, m["BM"]), triton.cdiv(N, m["BN"]), Z)
    bmm_kernel[grid](a, b, c, M, N, K, *_strides(a, (0, 1, 2)), *_strides(b, (0, 1, 2)), BM=64, BN=64, BK=32)
    return c


class ModelNew(nn.Module):
    """C = A @ B for (batch, m, k) x (batch, k, n)."""

    def __init__(self):
        super().__init__()

    def forward(self, A, B):
        return bmm(A, B)


batch_size, m, k, n = 128, 128, 256, 512


def get_inputs():
    return [torch.randn(batch_size, m, k), torch.randn(batch_size, k, n)]


def get_init_inputs():
    return []
