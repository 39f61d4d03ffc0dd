import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def bn_softmax_w(x, a, d, y, C, H, W, B: tl.constexpr):
    """eval batchnorm as one affine, then softmax over the last dim"""
    r = tl.program_id(0)
    c = (r // H) % C
    i = tl.arange(0, B)
    m = i < W
    v = tl.load(x + r * W + i, mask=m, other=0.0) * tl.load(a + c) + tl.load(d + c)
    v = tl.where(m, v, float("-inf"))
    e = tl.exp(v - tl.max(v, 0))
    tl.store(y + r * W + i, e / tl.sum(e, 0), mask=m)


class DoubleConv(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(cin, cout, 3, padding=1), nn.BatchNorm2d(cout)
        self.c2, self.b2 = nn.Conv2d(cout, cout, 3, padding=1), nn.BatchNorm2d(cout)

    @staticmethod
    def _tail(h, bn):
        if bn.training:
            return torch.softmax(bn(h), dim=-1)
        a = bn.weight * torch.rsqrt(bn.running_var + bn.eps)
        d = bn.bias - bn.running_mean * a
        h = h.contiguous()
        y = torch.empty_like(h)
        N, C, H, W = h.shape
        bn_softmax_w[(N * C * H,)](h, a, d, y, C, H, W, B=triton.next_power_of_2(W))
        return y

    def forward(self, x):
        x = self._tail(self.c1(x), self.b1)
        return self._tail(self.c2(x), self.b2)


class ModelNew(nn.Module):
    def __init__(self, in_channels, out_channels, features):
        super().__init__()
        self.enc1 = DoubleConv(in_channels, features)
        self.pool = nn.MaxPool2d(2, 2)
        self.mid = DoubleConv(features, features * 2)
        self.up = nn.ConvTranspose2d(features * 2, features, 2, 2)
        self.dec1 = DoubleConv(features * 2, features)
        self.final = nn.Conv2d(features, out_channels, 1)

    def forward(self, x):
        e = self.enc1(x)
        b = self.up(self.mid(self.pool(e)))
        return self.final(self.dec1(torch.cat((b, e), 1)))
