import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def column_sum(w, s, N, K, BLOCK: tl.constexpr):
    k = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    acc = tl.zeros((BLOCK,), tl.float32)
    for n in range(N):
        acc += tl.load(w + n * K + k, mask=k < K, other=0.0)
    tl.store(s + k, acc, mask=k < K)


@triton.jit
def row_dot(x, s, y, K, c, BLOCK: tl.constexpr):
    r = tl.program_id(0)
    acc = tl.zeros((BLOCK,), tl.float32)
    for k0 in range(0, K, BLOCK):
        k = k0 + tl.arange(0, BLOCK)
        acc += tl.load(x + r * K + k, mask=k < K, other=0.0) * tl.load(s + k, mask=k < K, other=0.0)
    tl.store(y + r, tl.sum(acc, 0) * c)


class ModelNew(nn.Module):
    """sum_n (x @ W^T / 2)_n * scale equals x . (sum_n W_n) * scale / 2.

    The column sum is recomputed on every call, so updated weights are seen.
    """

    def __init__(self, input_size, hidden_size, scaling_factor):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(hidden_size, input_size))
        self.scaling_factor = scaling_factor

    def forward(self, x):
        n, k = self.weight.shape
        s = torch.empty(k, device=x.device, dtype=torch.float32)
        column_sum[(triton.cdiv(k, 128),)](self.weight, s, n, k, BLOCK=128)
        y = torch.empty(x.shape[0], 1, device=x.device, dtype=x.dtype)
        row_dot[(x.shape[0],)](x.contiguous(), s, y, k, self.scaling_factor / 2, BLOCK=1024)
        return y
