import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def groupnorm_hardtanh(x, w, b, y, C, G: tl.constexpr, PER: tl.constexpr, eps, lo, hi, BLOCK: tl.constexpr):
    n = tl.program_id(0)
    g = tl.program_id(1)
    o = tl.arange(0, BLOCK)
    m = o < PER
    ch = g * PER + o
    v = tl.load(x + n * C + ch, mask=m, other=0.0)
    mu = tl.sum(v, 0) / PER
    dv = tl.where(m, v - mu, 0.0)
    rstd = tl.rsqrt(tl.sum(dv * dv, 0) / PER + eps)
    out = dv * rstd * tl.load(w + ch, mask=m) + tl.load(b + ch, mask=m)
    out = tl.minimum(tl.maximum(out, lo), hi)
    tl.store(y + n * C + ch, out, mask=m)


class ModelNew(nn.Module):
    """
    Gemm -> GroupNorm -> HardTanh.

    The GEMM is already near peak in cuBLAS, so we only fuse the two
    memory-bound ops that follow it.
    """

    def __init__(self, in_features, out_features, num_groups, hardtanh_min, hardtanh_max):
        super(ModelNew, self).__init__()
        self.gemm = nn.Linear(in_features, out_features)
        self.group_norm = nn.GroupNorm(num_groups, out_features)
        self.hardtanh_min = hardtanh_min
        self.hardtanh_max = hardtanh_max

    def forward(self, x):
        h = self.gemm(x)
        y = torch.empty_like(h)
        gn = self.group_norm
        per = gn.num_channels // gn.num_groups
        groupnorm_hardtanh[(h.shape[0], gn.num_groups)](
            h, gn.weight, gn.bias, y, gn.num_channels, gn.num_groups, per, gn.eps,
            self.hardtanh_min, self.hardtanh_max, BLOCK=triton.next_power_of_2(per))
        return y
