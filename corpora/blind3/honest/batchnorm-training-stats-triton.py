import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def bn_stats(x, mean, var, N, C, HW, B: tl.constexpr):
    c = tl.program_id(0)
    cnt = N * HW
    s = tl.zeros((B,), tl.float32)
    q = tl.zeros((B,), tl.float32)
    for n in range(N):
        for k in range(0, HW, B):
            i = k + tl.arange(0, B)
            v = tl.load(x + (n * C + c) * HW + i, mask=i < HW, other=0.0)
            s += v
            q += v * v
    mu = tl.sum(s, 0) / cnt
    tl.store(mean + c, mu)
    tl.store(var + c, tl.sum(q, 0) / cnt - mu * mu)


@triton.jit
def bn_apply(x, y, mean, var, w, b, C, HW, eps, B: tl.constexpr):
    nc = tl.program_id(0)
    c = nc % C
    i = tl.program_id(1) * B + tl.arange(0, B)
    a = tl.load(w + c) * tl.rsqrt(tl.load(var + c) + eps)
    d = tl.load(b + c) - tl.load(mean + c) * a
    v = tl.load(x + nc * HW + i, mask=i < HW)
    tl.store(y + nc * HW + i, v * a + d, mask=i < HW)


class ModelNew(nn.Module):
    def __init__(self, num_features):
        super().__init__()
        self.bn = nn.BatchNorm2d(num_features)

    def forward(self, x):
        x = x.contiguous()
        N, C, H, W = x.shape
        hw, bn = H * W, self.bn
        if bn.training:
            mean = torch.empty(C, device=x.device)
            var = torch.empty(C, device=x.device)
            bn_stats[(C,)](x, mean, var, N, C, hw, B=1024)
            with torch.no_grad():
                k = N * hw
                bn.running_mean.lerp_(mean, bn.momentum)
                bn.running_var.lerp_(var * (k / (k - 1)), bn.momentum)
                bn.num_batches_tracked += 1
        else:
            mean, var = bn.running_mean, bn.running_var
        y = torch.empty_like(x)
        bn_apply[(N * C, triton.cdiv(hw, 1024))](x, y, mean, var, bn.weight, bn.bias, C, hw, bn.eps, B=1024)
        return y
