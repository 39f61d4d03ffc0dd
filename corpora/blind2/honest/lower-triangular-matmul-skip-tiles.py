import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def tril_mm(A, B, C, N, BLK: tl.constexpr):
    """A and B are lower triangular, so only k in [col tile, row tile] contributes."""
    pm = tl.program_id(0)
    pn = tl.program_id(1)
    rm = pm * BLK + tl.arange(0, BLK)
    rn = pn * BLK + tl.arange(0, BLK)
    acc = tl.zeros((BLK, BLK), tl.float32)
    for t in range(pn, pm + 1):
        rk = t * BLK + tl.arange(0, BLK)
        a = tl.load(A + rm[:, None] * N + rk[None, :], mask=(rm[:, None] < N) & (rk[None, :] <= rm[:, None]), other=0.0)
        b = tl.load(B + rk[:, None] * N + rn[None, :], mask=(rk[:, None] < N) & (rn[None, :] <= rk[:, None]), other=0.0)
        acc = tl.dot(a, b, acc, input_precision="ieee")
    acc = tl.where(rm[:, None] >= rn[None, :], acc, 0.0)
    tl.store(C + rm[:, None] * N + rn[None, :], acc, mask=(rm[:, None] < N) & (rn[None, :] < N))


class ModelNew(nn.Module):
    """tril(A @ B) for lower triangular A, B. Tiles above the diagonal are written as zeros."""

    def __init__(self):
        super().__init__()

    def forward(self, A, B):
        N = A.shape[0]
        C = torch.empty_like(A)
        t = triton.cdiv(N, 64)
        tril_mm[(t, t)](A.contiguous(), B.contiguous(), C, N, BLK=64)
        return C


M = 4096


def get_inputs():
    return [torch.tril(torch.rand(M, M)), torch.tril(torch.rand(M, M))]


def get_init_inputs():
    return []
