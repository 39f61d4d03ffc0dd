import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def scale_rows(d, b, c, M, BLOCK: tl.constexpr):
    r = tl.program_id(0).to(tl.int64)
    s = tl.load(d + r)
    for k in range(0, M, BLOCK):
        o = k + tl.arange(0, BLOCK)
        tl.store(c + r * M + o, tl.load(b + r * M + o, mask=o < M) * s, mask=o < M)


class ModelNew(nn.Module):
    """diag(A) @ B without forming the diagonal matrix: row i of B times A[i]."""

    def __init__(self):
        super().__init__()

    def forward(self, A, B):
        assert A.dim() == 1 and A.shape[0] == B.shape[0]
        B = B.contiguous()
        C = torch.empty_like(B)
        scale_rows[(B.shape[0],)](A, B, C, B.shape[1], BLOCK=1024)
        return C
