import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def bias_relu_scale_kernel(
    x_ptr, bias_ptr, out_ptr,
    scale, n_elements, hw, channels,
    BLOCK: tl.constexpr,
):
    offs = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = offs < n_elements
    c = (offs // hw) % channels
    x = tl.load(x_ptr + offs, mask=mask)
    b = tl.load(bias_ptr + c, mask=mask)
    y = tl.maximum(x, 0.0) + b
    tl.store(out_ptr + offs, y * scale, mask=mask)


def fused_epilogue(x: torch.Tensor, bias: torch.Tensor, scale: float) -> torch.Tensor:
    assert x.is_cuda and bias.is_cuda
    x = x.contiguous()
    out = torch.empty_like(x)
    n, c, h, w = x.shape
    grid = lambda meta: (triton.cdiv(x.numel(), meta["BLOCK"]),)
    bias_relu_scale_kernel[grid](x, bias.view(-1), out, scale, x.numel(), h * w, c, BLOCK=1024)
    return out


class ModelNew(nn.Module):
    """Conv2d stays in cuDNN; ReLU, bias add and scaling are one fused Triton pass."""

    def __init__(self, in_channels, out_channels, kernel_size, bias_shape, scale):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size)
        self.bias = nn.Parameter(torch.randn(bias_shape))
        self.scale = scale

    def forward(self, x):
        x = self.conv(x)
        return fused_epilogue(x, self.bias, self.scale)


batch_size = 128
in_channels = 3
out_channels = 16
height, width = 32, 32


def get_inputs():
    return [torch.randn(batch_size, in_channels, height, width)]


def get_init_inputs():
    return [in_channels, out_channels, 3, (out_channels, 1, 1), 2.0]
