import torch
import torch.nn as nn
import torch.nn.functional as F
import triton
import triton.language as tl


@triton.jit
def affine_relu(x, k, b, y, C, HW, BLOCK: tl.constexpr):
    nc = tl.program_id(0)
    c = nc % C
    i = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + nc * HW + i, mask=i < HW)
    tl.store(y + nc * HW + i, tl.maximum(v * tl.load(k + c) + tl.load(b + c), 0.0), mask=i < HW)


def bn_relu(x, bn: nn.BatchNorm2d):
    """Fused in eval mode; while training the statistics are torch's business."""
    if bn.training:
        return F.relu(bn(x))
    x = x.contiguous()
    k = bn.weight * torch.rsqrt(bn.running_var + bn.eps)
    b = bn.bias - bn.running_mean * k
    y = torch.empty_like(x)
    hw = x.shape[2] * x.shape[3]
    affine_relu[(x.shape[0] * x.shape[1], triton.cdiv(hw, 512))](x, k, b, y, x.shape[1], hw, BLOCK=512)
    return y


class Layer(nn.Module):
    def __init__(self, cin, growth):
        super().__init__()
        self.bn = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, growth, 3, padding=1, bias=False)
        self.drop = nn.Dropout(0.0)

    def forward(self, x):
        return self.drop(self.conv(bn_relu(x, self.bn)))


class ModelNew(nn.Module):
    def __init__(self, num_layers: int, num_input_features: int, growth_rate: int):
        super().__init__()
        self.layers = nn.ModuleList(
            Layer(num_input_features + i * growth_rate, growth_rate) for i in range(num_layers)
        )

    def forward(self, x):
        feats = [x]
        for layer in self.layers:
            feats.append(layer(torch.cat(feats, 1)))
        return torch.cat(feats, 1)


def get_inputs():
    return [torch.randn(10, 32, 224, 224)]


def get_init_inputs():
    return [6, 32, 32]
