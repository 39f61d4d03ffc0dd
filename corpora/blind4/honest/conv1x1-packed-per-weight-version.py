import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _pointwise(x_ptr, w_ptr, b_ptr, o_ptr, CI, CO, HW, BP: tl.constexpr, BC: tl.constexpr, BK: tl.constexpr):
    img = tl.program_id(2).to(tl.int64)
    rp = tl.program_id(0) * BP + tl.arange(0, BP)
    rc = tl.program_id(1) * BC + tl.arange(0, BC)
    acc = tl.zeros((BC, BP), tl.float32)
    for s in range(0, CI, BK):
        k = s + tl.arange(0, BK)
        w = tl.load(w_ptr + k[None, :] * CO + rc[:, None], mask=(k[None, :] < CI) & (rc[:, None] < CO), other=0.0)
        x = tl.load(x_ptr + (img * CI + k[:, None]) * HW + rp[None, :], mask=(k[:, None] < CI) & (rp[None, :] < HW), other=0.0)
        acc += tl.dot(w, x, input_precision="ieee")
    acc += tl.load(b_ptr + rc, mask=rc < CO, other=0.0)[:, None]
    tl.store(o_ptr + (img * CO + rc[:, None]) * HW + rp[None, :], acc, mask=(rc[:, None] < CO) & (rp[None, :] < HW))


class ModelNew(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.conv1d = nn.Conv2d(in_channels, out_channels, kernel_size=1)
        self._packed = None
        self._packed_key = None

    def packed_weight(self):
        w = self.conv1d.weight
        key = (w._version, w.data_ptr(), w.device, w.dtype)
        if key != self._packed_key:
            with torch.no_grad():
                self._packed = w.detach().view(w.shape[0], w.shape[1]).t().contiguous()
            self._packed_key = key
        return self._packed

    def forward(self, x):
        x = x.contiguous()
        B, CI, H, W = x.shape
        CO = self.conv1d.out_channels
        out = torch.empty((B, CO, H, W), device=x.device, dtype=x.dtype)
        grid = (triton.cdiv(H * W, 64), triton.cdiv(CO, 64), B)
        _pointwise[grid](x, self.packed_weight(), self.conv1d.bias, out, CI, CO, H * W, BP=64, BC=64, BK=32)
        return out
