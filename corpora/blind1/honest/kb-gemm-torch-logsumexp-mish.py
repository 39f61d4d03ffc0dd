import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def lse_mish(x, y, N, scale, lo, hi, BLOCK: tl.constexpr):
    r = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    v = tl.load(x + r * N + c, mask=c < N, other=0.0) * (2.0 * scale)
    v = tl.minimum(tl.maximum(v, lo), hi)
    v = tl.where(c < N, v, -float("inf"))
    m = tl.max(v, 0)
    z = m + tl.log(tl.sum(tl.exp(v - m), 0))
    sp = tl.maximum(z, 0.0) + tl.log(1.0 + tl.exp(-tl.abs(z)))
    e = tl.exp(-2.0 * sp)
    tl.store(y + r, z * z * (1.0 - e) / (1.0 + e))


class ModelNew(nn.Module):
    """Matmul, scale, residual doubling, clamp, logsumexp, x * mish(x)."""

    def __init__(self, input_size, hidden_size, scale_factor, clamp_min, clamp_max):
        super().__init__()
        self.matmul = nn.Linear(input_size, hidden_size)
        self.scale_factor = scale_factor
        self.clamp_min, self.clamp_max = clamp_min, clamp_max

    def forward(self, x):
        h = self.matmul(x)
        y = torch.empty(h.shape[0], 1, device=h.device, dtype=h.dtype)
        lse_mish[(h.shape[0],)](h, y, h.shape[1], self.scale_factor, self.clamp_min, self.clamp_max,
                                BLOCK=triton.next_power_of_2(h.shape[1]), num_warps=8)
        return y
