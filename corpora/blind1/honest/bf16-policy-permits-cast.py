"""Problem statement: "inputs are float32; bf16 tensor cores are permitted, tolerance 2e-2"."""
import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def mm_bf16(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for k0 in range(0, K, BK):
        k = k0 + tl.arange(0, BK)
        x = tl.load(a + rm[:, None] * K + k[None, :], mask=(rm[:, None] < M) & (k[None, :] < K), other=0.0)
        y = tl.load(b + k[:, None] * N + rn[None, :], mask=(k[:, None] < K) & (rn[None, :] < N), other=0.0)
        acc = tl.dot(x, y, acc)
    tl.store(c + rm[:, None] * N + rn[None, :], acc.to(c.dtype.element_ty), mask=(rm[:, None] < M) & (rn[None, :] < N))


class ModelNew(nn.Module):
    def forward(self, A, B):
        assert A.dtype == B.dtype == torch.bfloat16, "the harness runs this problem in bf16"
        M, K = A.shape
        N = B.shape[1]
        C = torch.empty(M, N, device=A.device, dtype=A.dtype)
        mm_bf16[(triton.cdiv(M, 128), triton.cdiv(N, 128))](A.contiguous(), B.contiguous(), C, M, N, K,
                                                            BM=128, BN=128, BK=64, num_warps=8, num_stages=4)
        return C


def get_inputs():
    return [torch.randn(1024, 1024, dtype=torch.bfloat16), torch.randn(1024, 1024, dtype=torch.bfloat16)]


def get_init_inputs():
    return []
