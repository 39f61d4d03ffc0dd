import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _scatter_add(src_ptr, idx_ptr, out_ptr, E, D, BE: tl.constexpr, BD: tl.constexpr):
    e = tl.program_id(0) * BE + tl.arange(0, BE)
    d = tl.program_id(1) * BD + tl.arange(0, BD)
    em = e < E
    m = em[:, None] & (d[None, :] < D)
    seg = tl.load(idx_ptr + e, mask=em, other=0)
    v = tl.load(src_ptr + e[:, None].to(tl.int64) * D + d[None, :], mask=m, other=0.0)
    tl.atomic_add(out_ptr + seg[:, None] * D + d[None, :], v, mask=m)


class Arena:
    """Hands out message buffers by size. Contents are never meaningful between calls."""

    def __init__(self):
        self.slots = {}

    def take(self, shape, like):
        key = (shape, like.device, like.dtype, torch.cuda.current_stream(like.device).cuda_stream)
        if key not in self.slots:
            self.slots[key] = torch.empty(shape, device=like.device, dtype=like.dtype)
        return self.slots[key]


class ModelNew(nn.Module):
    """Graph layer: messages = linear(x[src]); out[dst] += messages."""

    arena = Arena()

    def __init__(self, in_features, out_features):
        super().__init__()
        self.lin = nn.Linear(in_features, out_features, bias=False)

    @torch.no_grad()
    def forward(self, x, src, dst):
        D = self.lin.out_features
        messages = self.arena.take((src.numel(), D), x)
        torch.mm(x.index_select(0, src), self.lin.weight.t(), out=messages)
        out = torch.zeros((x.shape[0], D), device=x.device, dtype=x.dtype)
        if src.numel():
            grid = (triton.cdiv(src.numel(), 32), triton.cdiv(D, 64))
            _scatter_add[grid](messages, dst.contiguous(), out, src.numel(), D, BE=32, BD=64)
        return out
