import torch
import torch.nn as nn
import triton
import triton.language as tl

try:
    from triton.language.extra.cuda import libdevice
except ImportError:  # triton < 3.0
    try:
        from triton.language.math import libdevice
    except ImportError:
        libdevice = tl.math


@triton.jit
def softplus_tanh_mul(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    v = tl.load(x + i, mask=m)
    sp = tl.where(v > 20.0, v, libdevice.log1p(tl.exp(v)))
    tl.store(y + i, v * libdevice.tanh(sp), mask=m)


class ModelNew(nn.Module):
    """conv -> mish -> batch norm (training statistics, so the norm stays in torch)"""

    def __init__(self, in_channels, out_channels, kernel_size, eps=1e-5, momentum=0.1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size)
        self.bn = nn.BatchNorm2d(out_channels, eps=eps, momentum=momentum)

    def forward(self, x):
        h = self.conv(x).contiguous()
        y = torch.empty_like(h)
        n = h.numel()
        softplus_tanh_mul[(triton.cdiv(n, 1024),)](h, y, n, BLOCK=1024)
        return self.bn(y)


def get_inputs():
    return [torch.randn(64, 64, 128, 128)]


def get_init_inputs():
    return [64, 128, 3]
