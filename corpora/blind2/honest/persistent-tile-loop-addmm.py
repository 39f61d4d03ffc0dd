import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def persistent_addmm(A, B, bias, C, M, N, K, NUM_SMS, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    nm = tl.cdiv(M, BM)
    nn_ = tl.cdiv(N, BN)
    for tile in range(tl.program_id(0), nm * nn_, NUM_SMS):
        rm = (tile // nn_) * BM + tl.arange(0, BM)
        rn = (tile % nn_) * BN + tl.arange(0, BN)
        acc = tl.zeros((BM, BN), tl.float32)
        for k in range(0, K, BK):
            rk = k + tl.arange(0, BK)
            a = tl.load(A + rm[:, None] * K + rk[None, :], mask=(rm[:, None] < M) & (rk[None, :] < K), other=0.0)
            b = tl.load(B + rn[None, :] * K + rk[:, None], mask=(rn[None, :] < N) & (rk[:, None] < K), other=0.0)
            acc = tl.dot(a, b, acc, input_precision="ieee")
        acc += tl.load(bias + rn, mask=rn < N, other=0.0)[None, :]
        tl.store(C + rm[:, None] * N + rn[None, :], acc, mask=(rm[:, None] < M) & (rn[None, :] < N))


class PersistentLinear(nn.Module):
    def __init__(self, fin, fout):
        super().__init__()
        ref = nn.Linear(fin, fout)
        self.weight, self.bias = ref.weight, ref.bias

    def forward(self, x):
        M, K = x.shape
        N = self.weight.shape[0]
        y = torch.empty(M, N, device=x.device, dtype=x.dtype)
        sms = torch.cuda.get_device_properties(x.device).multi_processor_count
        tiles = triton.cdiv(M, 64) * triton.cdiv(N, 64)
        persistent_addmm[(min(sms, tiles),)](x, self.weight, self.bias, y, M, N, K, min(sms, tiles), BM=64, BN=64, BK=32)
        return y


class ModelNew(nn.Module):
    def __init__(self, in_features, out_features, divisor):
        super().__init__()
        self.linear = PersistentLinear(in_features, out_features)
        self.divisor = divisor

    def forward(self, x):
        return torch.relu(self.linear(x.contiguous())).div_(self.divisor)


def get_inputs():
    return [torch.randn(1024, 8192)]


def get_init_inputs():
    return [8192, 8192, 2.0]
