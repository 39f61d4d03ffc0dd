import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _tail_(y_ptr, s_ptr, n, C, HW, div, BLOCK: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = o < n
    c = (o // HW) % C
    v = tl.load(y_ptr + o, mask=m, other=0.0) - tl.load(s_ptr + c, mask=m, other=0.0)
    v = v * tl.minimum(tl.maximum(v + 3.0, 0.0), 6.0) / 6.0
    tl.store(y_ptr + o, v / div, mask=m)


class ModelNew(nn.Module):
    """conv_transpose2d, subtract a per-channel shift, hardswish, divide."""

    def __init__(self, in_channels, out_channels, kernel_size, stride, padding, divisor):
        super().__init__()
        self.conv_transpose = nn.ConvTranspose2d(in_channels, out_channels, kernel_size, stride=stride, padding=padding)
        self.shift = nn.Parameter(torch.randn(out_channels, 1, 1) * 0.02)
        self.divisor = divisor

    @torch.no_grad()
    def forward(self, x):
        y = self.conv_transpose(x)
        if not y.is_contiguous():
            y = y.contiguous()
        if y.numel() == 0:
            return y
        # y was produced above and nobody else holds it, so the tail may overwrite it
        n = y.numel()
        _tail_[(triton.cdiv(n, 1024),)](
            y,
            self.shift,
            n,
            y.shape[1],
            y.shape[2] * y.shape[3],
            float(self.divisor),
            BLOCK=1024,
        )
        return y
