import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def mm_bias(x, wt, b, y, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for k0 in range(0, K, BK):
        k = k0 + tl.arange(0, BK)
        a = tl.load(x + rm[:, None] * K + k[None, :], mask=(rm[:, None] < M) & (k[None, :] < K), other=0.0)
        w = tl.load(wt + k[:, None] * N + rn[None, :], mask=(k[:, None] < K) & (rn[None, :] < N), other=0.0)
        acc = tl.dot(a, w, acc, input_precision="ieee")
    acc += tl.load(b + rn, mask=rn < N, other=0.0)[None, :]
    tl.store(y + rm[:, None] * N + rn[None, :], acc, mask=(rm[:, None] < M) & (rn[None, :] < N))


class ModelNew(nn.Module):
    """Linear with a transposed copy of the weight. The copy is rebuilt whenever the
    parameter changes: in-place updates bump `_version`, reassignment changes the pointer."""

    def __init__(self, in_features, out_features):
        super().__init__()
        self.linear = nn.Linear(in_features, out_features)
        self._wt = None
        self._wt_key = None

    def _transposed(self) -> torch.Tensor:
        w = self.linear.weight
        key = (w.data_ptr(), w._version, w.device, w.dtype)
        if self._wt_key != key:
            self._wt = w.detach().t().contiguous()
            self._wt_key = key
        return self._wt

    def forward(self, x):
        wt = self._transposed()
        m, k = x.shape
        n = wt.shape[1]
        y = torch.empty(m, n, device=x.device, dtype=x.dtype)
        mm_bias[(triton.cdiv(m, 64), triton.cdiv(n, 64))](x.contiguous(), wt, self.linear.bias, y, m, n, k,
                                                          BM=64, BN=64, BK=32)
        return y
