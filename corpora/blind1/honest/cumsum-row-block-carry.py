import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def cumsum_carry(x, y, n, BLOCK: tl.constexpr):
    r = tl.program_id(0).to(tl.int64)
    carry = tl.zeros((), tl.float32)
    for s in range(0, n, BLOCK):
        c = s + tl.arange(0, BLOCK)
        v = tl.load(x + r * n + c, mask=c < n, other=0.0)
        tl.store(y + r * n + c, tl.cumsum(v, 0) + carry, mask=c < n)
        carry += tl.sum(v, 0)


class ModelNew(nn.Module):
    """torch.cumsum along `dim`; other dimensions are moved to the front."""

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        moved = x.movedim(self.dim, -1).contiguous()
        y = torch.empty_like(moved)
        n = moved.shape[-1]
        cumsum_carry[(moved.numel() // n,)](moved, y, n, BLOCK=2048)
        return y.movedim(-1, self.dim)
