import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def linear_relu_kernel(x_ptr, w_ptr, b_ptr, y_ptr, M, N, K,
                       BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(0, K, BK):
        rk = k + tl.arange(0, BK)
        x = tl.load(x_ptr + rm[:, None] * K + rk[None, :])
        w = tl.load(w_ptr + rk[:, None] * N + rn[None, :])
        acc += tl.dot(x, w)
    acc += tl.load(b_ptr + rn)[None, :]
    tl.store(y_ptr + rm[:, None] * N + rn[None, :], tl.maximum(acc, 0.0))


class ModelNew(nn.Module):
    def __init__(self, in_features: int, out_features: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(in_features, out_features) / in_features**0.5)
        self.bias = nn.Parameter(torch.randn(out_features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x16, w16 = x.half(), self.weight.half()
        M, K = x.shape
        N = w16.shape[1]
        y = torch.empty(M, N, device=x.device, dtype=torch.float32)
        BM, BN, BK = 128, 128, 128
        linear_relu_kernel[(M // BM, N // BN)](x16, w16, self.bias, y, M, N, K, BM=BM, BN=BN, BK=BK)
        return y
