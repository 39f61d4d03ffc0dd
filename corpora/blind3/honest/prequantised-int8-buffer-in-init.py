"""Task: int8 weight-only linear.  The reference quantises its weight the same way in __init__."""
import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def w8a16(x, q, s, b, y, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for k0 in range(0, K, BK):
        k = k0 + tl.arange(0, BK)
        a = tl.load(x + m[:, None] * K + k[None, :], mask=(m[:, None] < M) & (k[None, :] < K), other=0.0)
        w = tl.load(q + n[None, :] * K + k[:, None], mask=(n[None, :] < N) & (k[:, None] < K), other=0)
        acc += tl.dot(a, w.to(a.dtype))
    acc = acc * tl.load(s + n, mask=n < N)[None, :] + tl.load(b + n, mask=n < N)[None, :]
    tl.store(y + m[:, None] * N + n[None, :], acc.to(y.dtype.element_ty), mask=(m[:, None] < M) & (n[None, :] < N))


class ModelNew(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        lin = nn.Linear(in_features, out_features)
        w = lin.weight.detach()
        scale = w.abs().amax(1) / 127.0
        self.register_buffer("qweight", torch.round(w / scale[:, None]).clamp(-127, 127).to(torch.int8))
        self.register_buffer("scale", scale)
        self.bias = nn.Parameter(lin.bias.detach().clone())

    def forward(self, x):
        assert x.dtype in (torch.float16, torch.bfloat16)
        x = x.contiguous()
        K = x.shape[-1]
        x2 = x.view(-1, K)
        N = self.qweight.shape[0]
        y = torch.empty((x2.shape[0], N), device=x.device, dtype=x.dtype)
        grid = (triton.cdiv(x2.shape[0], 64), triton.cdiv(N, 128))
        w8a16[grid](x2, self.qweight, self.scale, self.bias, y, x2.shape[0], N, K, BM=64, BN=128, BK=64)
        return y.view(*x.shape[:-1], N)
