import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _matvec(w_ptr, x_ptr, b_ptr, o_ptr, R, K, BR: tl.constexpr, BK: tl.constexpr):
    r = tl.program_id(0) * BR + tl.arange(0, BR)
    n = tl.program_id(1)
    acc = tl.zeros((BR,), tl.float32)
    for s in range(0, K, BK):
        k = s + tl.arange(0, BK)
        w = tl.load(w_ptr + r[:, None] * K + k[None, :], mask=(r[:, None] < R) & (k[None, :] < K), other=0.0)
        x = tl.load(x_ptr + n * K + k, mask=k < K, other=0.0)
        acc += tl.sum(w * x[None, :], 1)
    acc += tl.load(b_ptr + r, mask=r < R, other=0.0)
    tl.store(o_ptr + n * R + r, acc, mask=r < R)


class TiledParameter(nn.Parameter):
    """A parameter that knows its launch tile. Operations on it give plain tensors."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @property
    def tile(self):
        rows = self.shape[0]
        return 4 if rows < 1024 else 16

    def grid(self, batch):
        return (triton.cdiv(self.shape[0], self.tile), batch)


class ModelNew(nn.Module):
    """nn.Linear for small batches: memory-bound, every weight is read once per sample."""

    def __init__(self, in_features, out_features):
        super().__init__()
        self.fc = nn.Linear(in_features, out_features)
        self.fc.weight = TiledParameter(self.fc.weight.data)

    @torch.no_grad()
    def forward(self, x):
        x = x.contiguous()
        w = self.fc.weight
        out = torch.empty((x.shape[0], w.shape[0]), device=x.device, dtype=x.dtype)
        tile = w.tile if isinstance(w, TiledParameter) else 4
        grid = (triton.cdiv(w.shape[0], tile), x.shape[0])
        _matvec[grid](w, x, self.fc.bias, out, w.shape[0], w.shape[1], BR=tile, BK=256)
        return out
