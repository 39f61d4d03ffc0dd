import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _bias_clamp_scale_kernel(
    x_ptr, bias_ptr, out_ptr,
    total, hw, channels,
    scaling,
    BLOCK: tl.constexpr,
):
    pid = tl.program_id(0).to(tl.int64)
    offs = pid * BLOCK + tl.arange(0, BLOCK)
    mask = offs < total
    c = (offs // hw) % channels
    x = tl.load(x_ptr + offs, mask=mask, other=0.0)
    b = tl.load(bias_ptr + c, mask=mask, other=0.0)
    x = x + b
    x = tl.minimum(tl.maximum(x, 0.0, propagate_nan=tl.PropagateNan.ALL), 1.0,
                   propagate_nan=tl.PropagateNan.ALL)
    x = x * scaling
    x = tl.minimum(tl.maximum(x, 0.0, propagate_nan=tl.PropagateNan.ALL), 1.0,
                   propagate_nan=tl.PropagateNan.ALL)
    # division, not multiplication by a reciprocal: same rounding as the reference
    tl.store(out_ptr + offs, x / scaling, mask=mask)


@triton.jit
def _bias_clamp_scale_nhwc_kernel(
    x_ptr, bias_ptr, out_ptr,
    pixels, channels, scaling,
    BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
):
    p = tl.program_id(0).to(tl.int64) * BLOCK_P + tl.arange(0, BLOCK_P)
    c = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    mc = c < channels
    mask = (p < pixels)[:, None] & mc[None, :]
    offs = p[:, None] * channels + c[None, :]
    x = tl.load(x_ptr + offs, mask=mask, other=0.0)
    x = x + tl.load(bias_ptr + c, mask=mc, other=0.0)[None, :]
    x = tl.minimum(tl.maximum(x, 0.0, propagate_nan=tl.PropagateNan.ALL), 1.0,
                   propagate_nan=tl.PropagateNan.ALL)
    x = x * scaling
    x = tl.minimum(tl.maximum(x, 0.0, propagate_nan=tl.PropagateNan.ALL), 1.0,
                   propagate_nan=tl.PropagateNan.ALL)
    tl.store(out_ptr + offs, x / scaling, mask=mask)


def fused_epilogue(x: torch.Tensor, bias: torch.Tensor, scaling: float) -> torch.Tensor:
    """clamp(clamp(x + bias, 0, 1) * s, 0, 1) / s for either memory format."""
    n, ch, h, w = x.shape
    if x.is_contiguous():
        out = torch.empty_like(x)
        total = x.numel()
        if total:
            BLOCK = 2048
            _bias_clamp_scale_kernel[(triton.cdiv(total, BLOCK),)](
                x, bias, out, total, h * w, ch, scaling, BLOCK=BLOCK, num_warps=8
            )
        return out
    if x.is_contiguous(memory_format=torch.channels_last):
        out = torch.empty_like(x, memory_format=torch.channels_last)
        pixels = n * h * w
        bc = min(128, triton.next_power_of_2(ch))
        bp = max(1, 4096 // bc)
        grid = (triton.cdiv(pixels, bp), triton.cdiv(ch, bc))
        _bias_clamp_scale_nhwc_kernel[grid](
            x, bias, out, pixels, ch, scaling, BLOCK_P=bp, BLOCK_C=bc, num_warps=8
        )
        return out
    return fused_epilogue(x.contiguous(), bias, scaling)


class ModelNew(nn.Module):
    """
    ConvTranspose2d (cuDNN), then bias + clamp + scale + clamp + divide in one kernel.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride, padding,
                 output_padding, bias_shape, scaling_factor):
        super(ModelNew, self).__init__()
        self.conv_transpose = nn.ConvTranspose2d(
            in_channels, out_channels, kernel_size,
            stride=stride, padding=padding, output_padding=output_padding,
        )
        self.bias = nn.Parameter(torch.randn(bias_shape))
        self.scaling_factor = scaling_factor

    def forward(self, x):
        x = self.conv_transpose(x)
        return fused_epilogue(x, self.bias, float(self.scaling_factor))


batch_size = 128
in_channels = 64
out_channels = 64
height = width = 128
kernel_size = 3
stride = 2
padding = 1
output_padding = 1
bias_shape = (out_channels, 1, 1)
scaling_factor = 2.0


def get_inputs():
    return [torch.rand(batch_size, in_channels, height, width)]


def get_init_inputs():
    return [in_channels, out_channels, kernel_size, stride, padding, output_padding,
            bias_shape, scaling_factor]
