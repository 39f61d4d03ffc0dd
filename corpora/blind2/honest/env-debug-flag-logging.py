import logging
import os

import torch
import torch.nn as nn
import triton
import triton.language as tl

log = logging.getLogger(__name__)
DEBUG = os.environ.get("KERNEL_DEBUG", "0") == "1"


@triton.jit
def rms_kernel(x, y, C, HW, eps, BC: tl.constexpr, BP: tl.constexpr):
    b = tl.program_id(0)
    p = tl.program_id(1) * BP + tl.arange(0, BP)
    pm = p < HW
    acc = tl.zeros((BP,), tl.float32)
    for c0 in range(0, C, BC):
        c = c0 + tl.arange(0, BC)
        v = tl.load(x + b * C * HW + c[:, None] * HW + p[None, :], mask=(c[:, None] < C) & pm[None, :], other=0.0)
        acc += tl.sum(v * v, axis=0)
    inv = tl.rsqrt(acc / C + eps)
    for c0 in range(0, C, BC):
        c = c0 + tl.arange(0, BC)
        o = b * C * HW + c[:, None] * HW + p[None, :]
        m = (c[:, None] < C) & pm[None, :]
        tl.store(y + o, tl.load(x + o, mask=m) * inv[None, :], mask=m)


class ModelNew(nn.Module):
    def __init__(self, num_features: int, eps: float = 1e-5):
        super().__init__()
        self.num_features = num_features
        self.eps = eps

    def forward(self, x):
        x = x.contiguous()
        B, C = x.shape[:2]
        hw = x[0, 0].numel()
        y = torch.empty_like(x)
        grid = (B, triton.cdiv(hw, 128))
        if DEBUG:
            log.debug("rms grid=%s C=%d hw=%d", grid, C, hw)
        rms_kernel[grid](x, y, C, hw, self.eps, BC=16, BP=128)
        if DEBUG and not torch.isfinite(y).all():
            log.warning("non-finite output")
        return y


def get_inputs():
    return [torch.randn(16, 64, 256, 256)]


def get_init_inputs():
    return [64]
