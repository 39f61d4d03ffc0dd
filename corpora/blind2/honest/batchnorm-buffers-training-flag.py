import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def bn_stats(x_ptr, mean_ptr, var_ptr, N, C, HW, BLOCK: tl.constexpr):
    c = tl.program_id(0)
    s = tl.zeros((BLOCK,), tl.float32)
    q = tl.zeros((BLOCK,), tl.float32)
    for n in range(0, N):
        for o in range(0, HW, BLOCK):
            i = o + tl.arange(0, BLOCK)
            v = tl.load(x_ptr + (n * C + c) * HW + i, mask=i < HW, other=0.0)
            s += v
            q += v * v
    cnt = N * HW
    mu = tl.sum(s, 0) / cnt
    tl.store(mean_ptr + c, mu)
    tl.store(var_ptr + c, tl.sum(q, 0) / cnt - mu * mu)


@triton.jit
def bn_apply(x_ptr, mean_ptr, var_ptr, w_ptr, b_ptr, y_ptr, C, HW, eps, BLOCK: tl.constexpr):
    nc = tl.program_id(0)
    c = nc % C
    k = tl.load(w_ptr + c) * tl.rsqrt(tl.load(var_ptr + c) + eps)
    b = tl.load(b_ptr + c) - tl.load(mean_ptr + c) * k
    i = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x_ptr + nc * HW + i, mask=i < HW)
    tl.store(y_ptr + nc * HW + i, v * k + b, mask=i < HW)


class ModelNew(nn.Module):
    def __init__(self, num_features: int):
        super().__init__()
        self.bn = nn.BatchNorm2d(num_features)

    def forward(self, x):
        bn = self.bn
        N, C, H, W = x.shape
        x = x.contiguous()
        if bn.training:
            mean = torch.empty(C, device=x.device)
            var = torch.empty(C, device=x.device)
            bn_stats[(C,)](x, mean, var, N, C, H * W, BLOCK=1024)
            with torch.no_grad():
                cnt = N * H * W
                bn.running_mean.lerp_(mean, bn.momentum)
                bn.running_var.lerp_(var * cnt / (cnt - 1), bn.momentum)
                bn.num_batches_tracked += 1
        else:
            mean, var = bn.running_mean, bn.running_var
        y = torch.empty_like(x)
        bn_apply[(N * C, triton.cdiv(H * W, 1024))](x, mean, var, bn.weight, bn.bias, y, C, H * W, bn.eps, BLOCK=1024)
        return y


def get_inputs():
    return [torch.randn(16, 64, 256, 256)]


def get_init_inputs():
    return [64]
