import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def linear_relu_kernel(x, w, b, y, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for k0 in range(0, K, BK):
        k = k0 + tl.arange(0, BK)
        a = tl.load(x + rm[:, None] * K + k[None, :], mask=(rm[:, None] < M) & (k[None, :] < K), other=0.0)
        wt = tl.load(w + rn[None, :] * K + k[:, None], mask=(rn[None, :] < N) & (k[:, None] < K), other=0.0)
        acc = tl.dot(a, wt, acc, input_precision="ieee")
    acc = tl.maximum(acc + tl.load(b + rn, mask=rn < N, other=0.0)[None, :], 0.0)
    tl.store(y + rm[:, None] * N + rn[None, :], acc, mask=(rm[:, None] < M) & (rn[None, :] < N))


class LinearReLU(nn.Linear):
    """nn.Linear gives us the parameters and their initialisation; forward is our kernel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        m, k = x.shape
        y = torch.empty(m, self.out_features, device=x.device, dtype=x.dtype)
        grid = (triton.cdiv(m, 32), triton.cdiv(self.out_features, 64))
        linear_relu_kernel[grid](x.contiguous(), self.weight, self.bias, y, m, self.out_features, k, BM=32, BN=64, BK=32)
        return y


class ModelNew(nn.Module):
    def __init__(self, input_size, hidden_layer_sizes, output_size):
        super().__init__()
        sizes = [input_size, *hidden_layer_sizes]
        self.hidden = nn.ModuleList(LinearReLU(a, b) for a, b in zip(sizes, sizes[1:]))
        self.head = nn.Linear(sizes[-1], output_size)

    def forward(self, x):
        for layer in self.hidden:
            x = layer(x)
        return self.head(x)
