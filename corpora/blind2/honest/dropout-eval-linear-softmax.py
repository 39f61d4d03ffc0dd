import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def softmax_rows(X, Y, n, BLOCK: tl.constexpr):
    r = tl.program_id(0)
    c = tl.arange(0, BLOCK)
    x = tl.load(X + r * n + c, mask=c < n, other=-float("inf"))
    e = tl.exp(x - tl.max(x, 0))
    tl.store(Y + r * n + c, e / tl.sum(e, 0), mask=c < n)


def softmax(x):
    x = x.contiguous()
    rows, n = x.shape
    y = torch.empty_like(x)
    block = triton.next_power_of_2(n)
    softmax_rows[(rows,)](x, y, n, BLOCK=block, num_warps=4 if block <= 2048 else 16)
    return y


class ModelNew(nn.Module):
    def __init__(self, in_features, out_features, dropout_p):
        super().__init__()
        self.matmul = nn.Linear(in_features, out_features)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, x):
        # dropout is a no-op in eval mode; nn.Dropout checks self.training for us
        x = self.dropout(self.matmul(x))
        return softmax(x)


def get_inputs():
    return [torch.randn(128, 16384)]


def get_init_inputs():
    return [16384, 4096, 0.2]
