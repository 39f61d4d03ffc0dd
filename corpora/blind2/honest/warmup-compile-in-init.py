import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def min_tanh_tanh(x, y, C, HW, BP: tl.constexpr):
    b = tl.program_id(0)
    p = tl.program_id(1) * BP + tl.arange(0, BP)
    m = p < HW
    best = tl.full((BP,), float("inf"), tl.float32)
    for c in range(0, C):
        best = tl.minimum(best, tl.load(x + (b * C + c) * HW + p, mask=m, other=float("inf")))
    t = 2.0 * tl.sigmoid(2.0 * best) - 1.0
    t = 2.0 * tl.sigmoid(2.0 * t) - 1.0
    tl.store(y + b * HW + p, t, mask=m)


class ModelNew(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size)
        self._warm_up()

    def _warm_up(self):
        """Trigger the JIT for the shapes' specialisation class, on throw-away memory."""
        if not torch.cuda.is_available():
            return
        dummy = torch.zeros(1, 16, 64, 64, device="cuda")
        self._tail(dummy)
        torch.cuda.synchronize()

    @staticmethod
    def _tail(h):
        B, C, H, W = h.shape
        y = torch.empty(B, 1, H, W, device=h.device, dtype=h.dtype)
        min_tanh_tanh[(B, triton.cdiv(H * W, 256))](h, y, C, H * W, BP=256)
        return y

    def forward(self, x):
        return self._tail(self.conv(x).contiguous())


def get_inputs():
    return [torch.randn(128, 16, 256, 256)]


def get_init_inputs():
    return [16, 64, 3]
