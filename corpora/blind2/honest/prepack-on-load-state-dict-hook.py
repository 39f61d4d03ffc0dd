import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def mm_packed(X, WT, B, Y, M, N, K, sub, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for k in range(0, K, BK):
        rk = k + tl.arange(0, BK)
        x = tl.load(X + rm[:, None] * K + rk[None, :], mask=(rm[:, None] < M) & (rk[None, :] < K), other=0.0)
        w = tl.load(WT + rk[:, None] * N + rn[None, :], mask=(rk[:, None] < K) & (rn[None, :] < N), other=0.0)
        acc = tl.dot(x, w, acc, input_precision="ieee")
    acc += tl.load(B + rn, mask=rn < N, other=0.0)[None, :]
    acc = tl.minimum(acc, sub) - sub
    tl.store(Y + rm[:, None] * N + rn[None, :], acc, mask=(rm[:, None] < M) & (rn[None, :] < N))


class ModelNew(nn.Module):
    """linear -> min(constant) -> subtract(constant); the transposed weight is rebuilt when the weight changes."""

    def __init__(self, in_features, out_features, constant):
        super().__init__()
        self.linear = nn.Linear(in_features, out_features)
        self.constant = nn.Parameter(torch.tensor(constant))
        self._wt = None
        self._wt_version = -1
        self.register_load_state_dict_post_hook(lambda module, keys: module._invalidate())

    def _invalidate(self):
        self._wt = None

    def _apply(self, fn, recurse=True):
        self._invalidate()
        return super()._apply(fn, recurse)

    def _packed(self):
        w = self.linear.weight
        if self._wt is None or self._wt_version != w._version:
            self._wt = w.detach().t().contiguous()
            self._wt_version = w._version
        return self._wt

    def forward(self, x):
        M, K = x.shape
        N = self.linear.out_features
        y = torch.empty(M, N, device=x.device, dtype=x.dtype)
        mm_packed[(triton.cdiv(M, 64), triton.cdiv(N, 64))](
            x.contiguous(), self._packed(), self.linear.bias, y, M, N, K, self.constant.item(), BM=64, BN=64, BK=32
        )
        return y


def get_inputs():
    return [torch.randn(128, 16384)]


def get_init_inputs():
    return [16384, 16384, 2.0]
