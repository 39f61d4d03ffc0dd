import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _ln_channels(x_ptr, w_ptr, b_ptr, o_ptr, C, HW, eps, BP: tl.constexpr):
    img = tl.program_id(1).to(tl.int64)
    p = tl.program_id(0) * BP + tl.arange(0, BP)
    m = p < HW
    base = x_ptr + img * C * HW + p
    mean = tl.zeros((BP,), tl.float32)
    m2 = tl.zeros((BP,), tl.float32)
    for c in range(0, C):
        # read again below
        v = tl.load(base + c * HW, mask=m, other=0.0, eviction_policy="evict_last")
        d = v - mean
        mean += d / (c + 1)
        m2 += d * (v - mean)
    inv = tl.rsqrt(m2 / C + eps)
    for c in range(0, C):
        # last use
        v = tl.load(base + c * HW, mask=m, other=0.0, eviction_policy="evict_first")
        y = (v - mean) * inv * tl.load(w_ptr + c) + tl.load(b_ptr + c)
        tl.store(o_ptr + img * C * HW + c * HW + p, y, mask=m, eviction_policy="evict_first")


class ModelNew(nn.Module):
    """LayerNorm over the channels of an NCHW tensor (ConvNeXt, channels first)."""

    def __init__(self, channels, eps=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    @torch.no_grad()
    def forward(self, x):
        x = x.contiguous()
        B, C, H, W = x.shape
        out = torch.empty_like(x)
        grid = (triton.cdiv(H * W, 128), B)
        _ln_channels[grid](x, self.weight, self.bias, out, C, H * W, self.eps, BP=128, num_warps=4)
        return out
