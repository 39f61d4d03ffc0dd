import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def gemv_bias(h, w, b, o, K, N, B: tl.constexpr):
    r = tl.program_id(0)
    n = tl.program_id(1)
    acc = tl.zeros((B,), tl.float32)
    for k in range(0, K, B):
        i = k + tl.arange(0, B)
        acc += tl.load(h + r * K + i, mask=i < K, other=0.0) * tl.load(w + n * K + i, mask=i < K, other=0.0)
    tl.store(o + r * N + n, tl.sum(acc, 0) + tl.load(b + n))


class ModelNew(nn.Module):
    # the recurrence stays with cuDNN, only the head is replaced
    def __init__(self, input_size, hidden_size, num_layers, output_size, dropout=0.0):
        super().__init__()
        self.h0 = torch.randn((num_layers, 10, hidden_size))
        self.c0 = torch.randn((num_layers, 10, hidden_size))
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers, batch_first=True, dropout=dropout)
        self.fc = nn.Linear(hidden_size, output_size)

    def forward(self, x):
        self.h0 = self.h0.to(x.device)
        self.c0 = self.c0.to(x.device)
        out, _ = self.lstm(x, (self.h0, self.c0))
        h = out[:, -1, :].contiguous()
        R, K = h.shape
        N = self.fc.out_features
        o = torch.empty((R, N), device=x.device, dtype=x.dtype)
        gemv_bias[(R, N)](h, self.fc.weight, self.fc.bias, o, K, N, B=256)
        return o
