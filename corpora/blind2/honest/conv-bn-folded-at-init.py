import torch
import torch.nn as nn
import torch.nn.functional as F
import triton
import triton.language as tl


@triton.jit
def bias_relu6_kernel(x_ptr, b_ptr, y_ptr, n, C, HW, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    v = tl.load(x_ptr + i, mask=m)
    b = tl.load(b_ptr + (i // HW) % C, mask=m)
    v = tl.minimum(tl.maximum(v + b, 0.0), 6.0)
    tl.store(y_ptr + i, v, mask=m)


class FoldedConvBN(nn.Module):
    """Inference-time conv + batch norm; the affine part is folded into the weights once."""

    def __init__(self, conv: nn.Conv2d, bn: nn.BatchNorm2d):
        super().__init__()
        scale = bn.weight.detach() / torch.sqrt(bn.running_var + bn.eps)
        base = conv.bias.detach() if conv.bias is not None else torch.zeros_like(bn.running_mean)
        self.register_buffer("weight", conv.weight.detach() * scale[:, None, None, None])
        self.register_buffer("bias", (base - bn.running_mean) * scale + bn.bias.detach())
        self.stride, self.padding, self.groups = conv.stride, conv.padding, conv.groups

    def forward(self, x):
        y = F.conv2d(x, self.weight, None, self.stride, self.padding, 1, self.groups).contiguous()
        out = torch.empty_like(y)
        n = y.numel()
        bias_relu6_kernel[(triton.cdiv(n, 1024),)](
            y, self.bias, out, n, y.shape[1], y.shape[2] * y.shape[3], BLOCK=1024
        )
        return out


class ModelNew(nn.Module):
    def __init__(self, inp, oup, stride, expand_ratio):
        super().__init__()
        hidden = int(inp * expand_ratio)
        self.block = nn.Sequential(
            FoldedConvBN(nn.Conv2d(inp, hidden, 1, bias=False), nn.BatchNorm2d(hidden).eval()),
            FoldedConvBN(nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False), nn.BatchNorm2d(hidden).eval()),
            nn.Conv2d(hidden, oup, 1, bias=False),
            nn.BatchNorm2d(oup),
        )
        self.use_res = stride == 1 and inp == oup

    def forward(self, x):
        y = self.block(x)
        return x + y if self.use_res else y


def get_inputs():
    return [torch.randn(10, 112, 224, 224)]


def get_init_inputs():
    return [112, 192, 2, 6]
