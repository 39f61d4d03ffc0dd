import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def instance_norm_div_kernel(x_ptr, y_ptr, HW, eps, inv_div, BLOCK: tl.constexpr):
    """One program per (n, c) plane; statistics in two passes, then the write."""
    plane = tl.program_id(0).to(tl.int64)
    base = plane * HW
    offs = tl.arange(0, BLOCK)

    total = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, HW, BLOCK):
        idx = start + offs
        total += tl.load(x_ptr + base + idx, mask=idx < HW, other=0.0)
    mean = tl.sum(total, axis=0) / HW

    sq = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, HW, BLOCK):
        idx = start + offs
        v = tl.load(x_ptr + base + idx, mask=idx < HW, other=0.0)
        d = tl.where(idx < HW, v - mean, 0.0)
        sq += d * d
    rstd = 1.0 / tl.sqrt(tl.sum(sq, axis=0) / HW + eps)

    for start in range(0, HW, BLOCK):
        idx = start + offs
        mask = idx < HW
        v = tl.load(x_ptr + base + idx, mask=mask, other=0.0)
        tl.store(y_ptr + base + idx, (v - mean) * rstd * inv_div, mask=mask)


def fused_instance_norm_div(x: torch.Tensor, divide_by: float, eps: float) -> torch.Tensor:
    assert x.is_cuda, "x must be a CUDA tensor"
    x = x.contiguous()
    n, c, h, w = x.shape
    y = torch.empty_like(x)
    instance_norm_div_kernel[(n * c,)](x, y, h * w, eps, 1.0 / divide_by, BLOCK=1024, num_warps=4)
    return y


class ModelNew(nn.Module):
    """
    Convolution (cuDNN), then instance normalisation and division in one kernel.
    nn.InstanceNorm2d of the reference has no affine part and no running statistics.
    """

    def __init__(self, in_channels, out_channels, kernel_size, divide_by):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size)
        self.instance_norm = nn.InstanceNorm2d(out_channels)
        self.divide_by = divide_by

    def forward(self, x):
        x = self.conv(x)
        return fused_instance_norm_div(x, float(self.divide_by), self.instance_norm.eps)
