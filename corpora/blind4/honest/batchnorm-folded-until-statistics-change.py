import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _affine_relu(x_ptr, a_ptr, b_ptr, o_ptr, C, HW, n, BLOCK: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = o < n
    c = (o // HW) % C
    v = tl.load(x_ptr + o, mask=m, other=0.0)
    v = v * tl.load(a_ptr + c, mask=m, other=0.0) + tl.load(b_ptr + c, mask=m, other=0.0)
    tl.store(o_ptr + o, tl.maximum(v, 0.0), mask=m)


class ModelNew(nn.Module):
    """BatchNorm2d + ReLU."""

    def __init__(self, num_features):
        super().__init__()
        self.bn = nn.BatchNorm2d(num_features)
        self._fold = (None, None, None)

    def _sources(self):
        bn = self.bn
        return bn.weight, bn.bias, bn.running_mean, bn.running_var

    def folded(self):
        stamp = tuple((id(t), t._version, t.data_ptr()) for t in self._sources())
        if self._fold[0] != stamp:
            w, b, mean, var = (t.detach() for t in self._sources())
            scale = w * torch.rsqrt(var + self.bn.eps)
            self._fold = (stamp, scale, b - mean * scale)
        return self._fold[1:]

    def forward(self, x):
        if self.training:
            # batch statistics and their running averages are the library's business; it may write the
            # averages without raising their version, so the fold is dropped here
            self._fold = (None, None, None)
            return torch.relu(self.bn(x))
        x = x.contiguous()
        scale, shift = self.folded()
        out = torch.empty_like(x)
        n = x.numel()
        _affine_relu[(triton.cdiv(n, 1024),)](x, scale, shift, out, x.shape[1], x.shape[2] * x.shape[3], n, BLOCK=1024)
        return out
