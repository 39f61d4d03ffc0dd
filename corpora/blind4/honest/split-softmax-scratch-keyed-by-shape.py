import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _partials(x_ptr, m_ptr, s_ptr, n_cols, chunk, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    parts = tl.num_programs(1)
    lo = part * chunk
    hi = tl.minimum(lo + chunk, n_cols)
    m = tl.full((), -float("inf"), tl.float32)
    s = tl.zeros((), tl.float32)
    for st in range(lo, hi, BLOCK):
        c = st + tl.arange(0, BLOCK)
        v = tl.load(x_ptr + row * n_cols + c, mask=c < hi, other=-float("inf"))
        mn = tl.maximum(m, tl.max(v, 0))
        s = s * tl.exp(m - mn) + tl.sum(tl.exp(v - mn), 0)
        m = mn
    tl.store(m_ptr + row * parts + part, m)
    tl.store(s_ptr + row * parts + part, s)


@triton.jit
def _finish(x_ptr, m_ptr, s_ptr, o_ptr, n_cols, PARTS: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    p = tl.arange(0, PARTS)
    m = tl.load(m_ptr + row * PARTS + p)
    s = tl.load(s_ptr + row * PARTS + p)
    top = tl.max(m, 0)
    den = tl.sum(s * tl.exp(m - top), 0)
    c = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x_ptr + row * n_cols + c, mask=c < n_cols, other=0.0)
    tl.store(o_ptr + row * n_cols + c, tl.exp(v - top) / den, mask=c < n_cols)


class ModelNew(nn.Module):
    """Softmax over dim 1 for few, very long rows."""

    scratch = {}

    def __init__(self):
        super().__init__()

    def _scratch_for(self, x, parts):
        key = (tuple(x.shape), x.device, parts, torch.cuda.current_stream().cuda_stream)
        if key not in self.scratch:
            self.scratch[key] = torch.empty((2, x.shape[0], parts), device=x.device, dtype=torch.float32)
        return self.scratch[key]

    def forward(self, x):
        x = x.contiguous()
        rows, cols = x.shape
        parts = 1
        while parts < 64 and cols // (parts * 2) >= 2048:
            parts *= 2
        chunk = triton.cdiv(cols, parts)
        m, s = self._scratch_for(x, parts)
        out = torch.empty_like(x)
        _partials[(rows, parts)](x, m, s, cols, chunk, BLOCK=2048)
        _finish[(rows, triton.cdiv(cols, 2048))](x, m, s, out, cols, PARTS=parts, BLOCK=2048)
        return out
