import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def nearest_code(X, E, En, IDX, OUT, N, KC, D: tl.constexpr, BM: tl.constexpr, BK: tl.constexpr):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    x = tl.load(X + rm[:, None] * D + d[None, :], mask=rm[:, None] < N, other=0.0)
    best = tl.full((BM,), float("inf"), tl.float32)
    arg = tl.zeros((BM,), tl.int32)
    for k in range(0, KC, BK):
        rk = k + tl.arange(0, BK)
        e = tl.load(E + rk[None, :] * D + d[:, None], mask=rk[None, :] < KC, other=0.0)
        n2 = tl.load(En + rk, mask=rk < KC, other=float("inf"))
        dist = n2[None, :] - 2.0 * tl.dot(x, e, input_precision="ieee")   # |x|^2 does not change the argmin
        m, a = tl.min(dist, 1, return_indices=True)
        arg = tl.where(m < best, k + a, arg)
        best = tl.minimum(best, m)
    tl.store(IDX + rm, arg, mask=rm < N)
    q = tl.load(E + arg[:, None] * D + d[None, :], mask=rm[:, None] < N)
    tl.store(OUT + rm[:, None] * D + d[None, :], q, mask=rm[:, None] < N)


class ModelNew(nn.Module):
    """VQ codebook lookup, returns (quantised, indices)."""

    def __init__(self, num_codes: int, dim: int, commitment: float = 0.25, **unused):
        super().__init__()
        self.codebook = nn.Embedding(num_codes, dim)
        self.commitment = commitment   # only used by the training loss
        del unused

    @torch.no_grad()
    def forward(self, z):
        flat = z.reshape(-1, z.shape[-1]).contiguous()
        E = self.codebook.weight
        n, d = flat.shape
        idx = torch.empty(n, device=z.device, dtype=torch.int32)
        out = torch.empty_like(flat)
        nearest_code[(triton.cdiv(n, 64),)](flat, E, (E * E).sum(1), idx, out, n, E.shape[0], D=d, BM=64, BK=64)
        return out.view_as(z), idx.long().view(z.shape[:-1])


def get_inputs():
    return [torch.randn(16, 1024, 64)]


def get_init_inputs():
    return [1024, 64]
