import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def cmul(a, b, o, n, per, CH, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    m = i < n
    c = (i // per) % CH
    j = c * per + i % per
    ar = tl.load(a + 2 * i, mask=m)
    ai = tl.load(a + 2 * i + 1, mask=m)
    br = tl.load(b + 2 * j, mask=m)
    bi = tl.load(b + 2 * j + 1, mask=m)
    tl.store(o + 2 * i, ar * br - ai * bi, mask=m)
    tl.store(o + 2 * i + 1, ar * bi + ai * br, mask=m)


class Plan:
    __slots__ = ("L", "n", "bins", "grid", "buf")

    def __init__(self, B, C, L, device):
        self.L = L
        self.n = 1 << (2 * L - 1).bit_length()
        self.bins = self.n // 2 + 1
        total = B * C * self.bins
        self.grid = (triton.cdiv(total, 1024),)
        self.buf = torch.empty((B, C, self.bins), dtype=torch.complex64, device=device)


class ModelNew(nn.Module):
    """Long depthwise convolution: FFT by cuFFT, product of the spectra by Triton."""

    def __init__(self, channels, length):
        super().__init__()
        self.k = nn.Parameter(torch.randn(channels, length) * 0.02)
        self._plans = {}

    def forward(self, u):
        B, C, L = u.shape
        key = (B, C, L, u.device)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = Plan(B, C, L, u.device)
        uf = torch.fft.rfft(u, n=plan.n)
        kf = torch.fft.rfft(self.k, n=plan.n)
        cmul[plan.grid](torch.view_as_real(uf), torch.view_as_real(kf), torch.view_as_real(plan.buf),
                        plan.buf.numel(), plan.bins, C, B=1024)
        return torch.fft.irfft(plan.buf, n=plan.n)[..., :L].contiguous()
