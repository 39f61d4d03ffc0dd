import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def instnorm_div(x_ptr, y_ptr, HW, eps, inv_div, BLOCK: tl.constexpr):
    base = tl.program_id(0).to(tl.int64) * HW
    s = tl.zeros((BLOCK,), tl.float32)
    q = tl.zeros((BLOCK,), tl.float32)
    for i in range(0, HW, BLOCK):
        c = i + tl.arange(0, BLOCK)
        v = tl.load(x_ptr + base + c, mask=c < HW, other=0.0)
        s += v
        q += v * v
    mu = tl.sum(s, 0) / HW
    rstd = tl.rsqrt(tl.sum(q, 0) / HW - mu * mu + eps) * inv_div
    for i in range(0, HW, BLOCK):
        c = i + tl.arange(0, BLOCK)
        v = tl.load(x_ptr + base + c, mask=c < HW)
        tl.store(y_ptr + base + c, (v - mu) * rstd, mask=c < HW)


class ModelNew(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, divide_by):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size)
        self.instance_norm = nn.InstanceNorm2d(out_channels)
        self.divide_by = divide_by

    def forward(self, x):
        x = self.conv(x).contiguous()
        n, c, h, w = x.shape
        y = torch.empty_like(x)
        instnorm_div[(n * c,)](x, y, h * w, self.instance_norm.eps, 1.0 / self.divide_by, BLOCK=1024)
        return y
