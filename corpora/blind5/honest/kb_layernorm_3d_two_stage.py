"""LayerNorm over (features, dim1, dim2): 4M elements per sample, only 16 samples.

One program per sample would leave most of the GPU idle, hence two stages:
  1. each program reduces one slice of one sample to (count, mean, M2),
  2. the normalising kernel merges the partials (Chan et al.) and writes its slice.
"""
import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _merge(na, ma, sa, nb, mb, sb):
    n = na + nb
    safe = tl.where(n > 0, n, 1.0)
    delta = mb - ma
    mean = ma + delta * (nb / safe)
    m2 = sa + sb + delta * delta * (na * nb / safe)
    return n, mean, m2


@triton.jit
def _partial_stats(x_ptr, part_ptr, n_elem, slice_len, n_slices, BLOCK: tl.constexpr):
    row = tl.program_id(1).to(tl.int64)
    s = tl.program_id(0)
    lo = s * slice_len
    hi = tl.minimum(lo + slice_len, n_elem)
    offs = tl.arange(0, BLOCK)
    cnt = tl.zeros((BLOCK,), tl.float32)
    mean = tl.zeros((BLOCK,), tl.float32)
    m2 = tl.zeros((BLOCK,), tl.float32)
    for base in range(lo, hi, BLOCK):
        idx = base + offs
        live = idx < hi
        x = tl.load(x_ptr + row * n_elem + idx, mask=live, other=0.0).to(tl.float32)
        cnt_new = cnt + tl.where(live, 1.0, 0.0)
        d = x - mean
        mean_new = tl.where(live, mean + d / cnt_new, mean)
        m2 = tl.where(live, m2 + d * (x - mean_new), m2)
        mean = mean_new
        cnt = cnt_new
    n, mu, ss = tl.reduce((cnt, mean, m2), 0, _merge)
    out = part_ptr + (row * n_slices + s) * 3
    tl.store(out, n)
    tl.store(out + 1, mu)
    tl.store(out + 2, ss)


@triton.jit
def _normalise(
    x_ptr, w_ptr, b_ptr, part_ptr, y_ptr,
    n_elem, slice_len, n_slices, eps,
    SLICES: tl.constexpr, BLOCK: tl.constexpr,
):
    row = tl.program_id(1).to(tl.int64)
    s = tl.program_id(0)
    k = tl.arange(0, SLICES)
    km = k < n_slices
    base_p = part_ptr + (row * n_slices + k) * 3
    pn = tl.load(base_p, mask=km, other=0.0)
    pm = tl.load(base_p + 1, mask=km, other=0.0)
    ps = tl.load(base_p + 2, mask=km, other=0.0)
    n, mu, ss = tl.reduce((pn, pm, ps), 0, _merge)
    rstd = 1.0 / tl.sqrt(ss / n + eps)

    lo = s * slice_len
    hi = tl.minimum(lo + slice_len, n_elem)
    offs = tl.arange(0, BLOCK)
    for base in range(lo, hi, BLOCK):
        idx = base + offs
        live = idx < hi
        x = tl.load(x_ptr + row * n_elem + idx, mask=live, other=0.0).to(tl.float32)
        w = tl.load(w_ptr + idx, mask=live, other=0.0).to(tl.float32)
        b = tl.load(b_ptr + idx, mask=live, other=0.0).to(tl.float32)
        tl.store(y_ptr + row * n_elem + idx, (x - mu) * rstd * w + b, mask=live)


class ModelNew(nn.Module):
    def __init__(self, normalized_shape: tuple):
        super(ModelNew, self).__init__()
        self.ln = nn.LayerNorm(normalized_shape=normalized_shape)  # holds weight, bias, eps
        self._ws = None

    def _workspace(self, rows, slices, device):
        need = rows * slices * 3
        if self._ws is None or self._ws.numel() < need or self._ws.device != device:
            self._ws = torch.empty(need, dtype=torch.float32, device=device)
        return self._ws

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.contiguous()
        n_elem = self.ln.weight.numel()
        if x.numel() == 0:
            return torch.empty_like(x)
        rows = x.numel() // n_elem
        sms = torch.cuda.get_device_properties(x.device).multi_processor_count
        block = 2048
        slices = max(1, min(triton.cdiv(n_elem, block), triton.cdiv(8 * sms, rows)))
        slice_len = triton.cdiv(triton.cdiv(n_elem, slices), block) * block
        slices = triton.cdiv(n_elem, slice_len)

        ws = self._workspace(rows, slices, x.device)
        y = torch.empty_like(x)
        grid = (slices, rows)
        _partial_stats[grid](x, ws, n_elem, slice_len, slices, BLOCK=block, num_warps=8)
        _normalise[grid](
            x, self.ln.weight, self.ln.bias, ws, y,
            n_elem, slice_len, slices, self.ln.eps,
            SLICES=triton.next_power_of_2(slices), BLOCK=block, num_warps=8,
        )
        return y


batch_size = 16
features = 64
dim1 = 256
dim2 = 256


def get_inputs():
    return [torch.rand(batch_size, features, dim1, dim2)]


def get_init_inputs():
    return [(features, dim1, dim2)]
