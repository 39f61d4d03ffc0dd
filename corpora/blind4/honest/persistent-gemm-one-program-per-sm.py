import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _persistent(a_ptr, b_ptr, c_ptr, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr):
    tiles_m = tl.cdiv(M, BM)
    tiles_n = tl.cdiv(N, BN)
    for tile in range(tl.program_id(0), tiles_m * tiles_n, tl.num_programs(0)):
        width = GROUP * tiles_n
        first = (tile // width) * GROUP
        size = tl.minimum(tiles_m - first, GROUP)
        pm = first + (tile % width) % size
        pn = (tile % width) // size
        rm = pm * BM + tl.arange(0, BM)
        rn = pn * BN + tl.arange(0, BN)
        acc = tl.zeros((BM, BN), tl.float32)
        for s in range(0, K, BK):
            k = s + tl.arange(0, BK)
            a = tl.load(a_ptr + rm[:, None] * K + k[None, :], mask=(rm[:, None] < M) & (k[None, :] < K), other=0.0)
            b = tl.load(b_ptr + k[:, None] * N + rn[None, :], mask=(k[:, None] < K) & (rn[None, :] < N), other=0.0)
            acc = tl.dot(a, b, acc)
        c = c_ptr + rm[:, None].to(tl.int64) * N + rn[None, :]
        tl.store(c, acc.to(c_ptr.dtype.element_ty), mask=(rm[:, None] < M) & (rn[None, :] < N))


class ModelNew(nn.Module):
    """bfloat16 A @ B; the problem's inputs are bfloat16."""

    def __init__(self):
        super().__init__()
        self._sms = None

    def forward(self, A, B):
        assert A.dtype == B.dtype == torch.bfloat16
        A, B = A.contiguous(), B.contiguous()
        if self._sms is None:
            self._sms = torch.cuda.get_device_properties(A.device).multi_processor_count
        M, K = A.shape
        N = B.shape[1]
        C = torch.empty((M, N), device=A.device, dtype=A.dtype)
        tiles = triton.cdiv(M, 128) * triton.cdiv(N, 128)
        _persistent[(min(self._sms, tiles),)](
            A, B, C, M, N, K, BM=128, BN=128, BK=64, GROUP=8, num_warps=8, num_stages=3
        )
        return C
