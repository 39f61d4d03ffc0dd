import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def pointwise(x, wt, b, y, CI, CO, HW, BC: tl.constexpr, BP: tl.constexpr, BK: tl.constexpr):
    n = tl.program_id(2)
    c = tl.program_id(0) * BC + tl.arange(0, BC)
    p = tl.program_id(1) * BP + tl.arange(0, BP)
    acc = tl.zeros((BC, BP), tl.float32)
    for k0 in range(0, CI, BK):
        k = k0 + tl.arange(0, BK)
        w = tl.load(wt + k[None, :] * CO + c[:, None], mask=(k[None, :] < CI) & (c[:, None] < CO), other=0.0)
        v = tl.load(x + (n * CI + k[:, None]) * HW + p[None, :], mask=(k[:, None] < CI) & (p[None, :] < HW), other=0.0)
        acc += tl.dot(w, v, input_precision="ieee")
    acc += tl.load(b + c, mask=c < CO, other=0.0)[:, None]
    tl.store(y + (n * CO + c[:, None]) * HW + p[None, :], acc, mask=(c[:, None] < CO) & (p[None, :] < HW))


class ModelNew(nn.Module):
    def __init__(self, in_channels, out_channels, bias=True):
        super().__init__()
        self.conv1d = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=True)
        if not bias:
            nn.init.zeros_(self.conv1d.bias)
        self._packed = None
        self._packed_version = None

    def _weight(self):
        w = self.conv1d.weight
        ver = (w._version, w.data_ptr(), w.device)
        if ver != self._packed_version:
            self._packed = w.detach().flatten(1).t().contiguous()
            self._packed_version = ver
        return self._packed

    def forward(self, x):
        x = x.contiguous()
        N, CI, H, W = x.shape
        CO = self.conv1d.out_channels
        y = torch.empty((N, CO, H, W), device=x.device, dtype=x.dtype)
        grid = (triton.cdiv(CO, 64), triton.cdiv(H * W, 64), N)
        pointwise[grid](x, self._weight(), self.conv1d.bias, y, CI, CO, H * W, BC=64, BP=64, BK=32)
        return y
