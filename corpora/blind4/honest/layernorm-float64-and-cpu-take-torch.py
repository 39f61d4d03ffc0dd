import torch
import torch.nn as nn
import torch.nn.functional as F
import triton
import triton.language as tl


@triton.jit
def _ln(x_ptr, w_ptr, b_ptr, o_ptr, N, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    base = row * N
    s = tl.zeros((BLOCK,), tl.float32)
    for st in range(0, N, BLOCK):
        c = st + tl.arange(0, BLOCK)
        s += tl.load(x_ptr + base + c, mask=c < N, other=0.0).to(tl.float32)
    mean = tl.sum(s, 0) / N
    q = tl.zeros((BLOCK,), tl.float32)
    for st in range(0, N, BLOCK):
        c = st + tl.arange(0, BLOCK)
        v = tl.load(x_ptr + base + c, mask=c < N, other=0.0).to(tl.float32)
        d = tl.where(c < N, v - mean, 0.0)
        q += d * d
    inv = tl.rsqrt(tl.sum(q, 0) / N + eps)
    for st in range(0, N, BLOCK):
        c = st + tl.arange(0, BLOCK)
        m = c < N
        v = tl.load(x_ptr + base + c, mask=m, other=0.0).to(tl.float32)
        w = tl.load(w_ptr + c, mask=m, other=0.0).to(tl.float32)
        b = tl.load(b_ptr + c, mask=m, other=0.0).to(tl.float32)
        tl.store(o_ptr + base + c, ((v - mean) * inv * w + b).to(o_ptr.dtype.element_ty), mask=m)


SUPPORTED = (torch.float32, torch.float16, torch.bfloat16)


class ModelNew(nn.Module):
    def __init__(self, normalized_shape):
        super().__init__()
        self.ln = nn.LayerNorm(normalized_shape=normalized_shape)

    def forward(self, x):
        ln = self.ln
        if not x.is_cuda or x.dtype not in SUPPORTED or x.numel() == 0:
            return F.layer_norm(x, ln.normalized_shape, ln.weight, ln.bias, ln.eps)
        x = x.contiguous()
        N = ln.weight.numel()
        out = torch.empty_like(x)
        _ln[(x.numel() // N,)](x, ln.weight, ln.bias, out, N, ln.eps, BLOCK=min(4096, triton.next_power_of_2(N)))
        return out
