import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _mm(a_ptr, b_ptr, c_ptr, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for s in range(0, K, BK):
        k = s + tl.arange(0, BK)
        a = tl.load(a_ptr + rm[:, None] * K + k[None, :], mask=(rm[:, None] < M) & (k[None, :] < K), other=0.0)
        b = tl.load(b_ptr + k[:, None] * N + rn[None, :], mask=(k[:, None] < K) & (rn[None, :] < N), other=0.0)
        acc += tl.dot(a, b, input_precision="ieee")
    tl.store(c_ptr + rm[:, None] * N + rn[None, :], acc, mask=(rm[:, None] < M) & (rn[None, :] < N))


CANDIDATES = [(64, 64, 32, 4), (128, 64, 32, 4), (64, 128, 32, 4), (128, 128, 16, 8)]


class Tuner:
    def __init__(self):
        self.chosen = {}

    def launch(self, cfg, a, b, c):
        BM, BN, BK, warps = cfg
        M, K = a.shape
        N = b.shape[1]
        _mm[(triton.cdiv(M, BM), triton.cdiv(N, BN))](a, b, c, M, N, K, BM=BM, BN=BN, BK=BK, num_warps=warps)

    def measure(self, cfg, a, b, c):
        self.launch(cfg, a, b, c)
        begin = torch.cuda.Event(enable_timing=True)
        end = torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(3):
            self.launch(cfg, a, b, c)
        end.record()
        end.synchronize()
        return begin.elapsed_time(end)

    def __call__(self, a, b, c):
        key = (a.shape, b.shape, a.dtype, a.device)
        if key not in self.chosen:
            self.chosen[key] = min(CANDIDATES, key=lambda cfg: self.measure(cfg, a, b, c))
        self.launch(self.chosen[key], a, b, c)


class ModelNew(nn.Module):
    tuner = Tuner()

    def __init__(self):
        super().__init__()

    def forward(self, A, B):
        A, B = A.contiguous(), B.contiguous()
        C = torch.empty((A.shape[0], B.shape[1]), device=A.device, dtype=A.dtype)
        self.tuner(A, B, C)
        return C
