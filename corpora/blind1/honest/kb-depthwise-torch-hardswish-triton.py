import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def affine_hardswish(x, g, b, y, C, HW, n, BLOCK: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = o < n
    c = (o // HW) % C
    v = tl.load(x + o, mask=m) * tl.load(g + c, mask=m) + tl.load(b + c, mask=m)
    tl.store(y + o, v * tl.minimum(tl.maximum(v + 3.0, 0.0), 6.0) * 0.16666667, mask=m)


class ModelNew(nn.Module):
    """Depthwise-separable block; both convolutions are left to cuDNN."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=1):
        super().__init__()
        self.depthwise = nn.Conv2d(in_channels, in_channels, kernel_size, stride, padding, groups=in_channels)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1)
        self.gamma = nn.Parameter(torch.randn(out_channels))
        self.beta = nn.Parameter(torch.randn(out_channels))

    def forward(self, x):
        h = self.pointwise(self.depthwise(x)).contiguous()
        y = torch.empty_like(h)
        affine_hardswish[(triton.cdiv(h.numel(), 1024),)](
            h, self.gamma, self.beta, y, h.shape[1], h.shape[2] * h.shape[3], h.numel(), BLOCK=1024)
        return y
