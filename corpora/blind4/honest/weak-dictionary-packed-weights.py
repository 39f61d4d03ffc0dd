import torch
import torch.nn as nn
import triton
import triton.language as tl
from torch.utils.weak import WeakIdKeyDictionary


@triton.jit
def _dw_conv(x_ptr, w_ptr, o_ptr, C, H, W, OH, OW, n, K: tl.constexpr, BLOCK: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = o < n
    ow = o % OW
    oh = (o // OW) % OH
    p = o // (OW * OH)
    c = p % C
    acc = tl.zeros((BLOCK,), tl.float32)
    for i in range(K):
        for j in range(K):
            v = tl.load(x_ptr + (p * H + oh + i) * W + ow + j, mask=m, other=0.0)
            acc += v * tl.load(w_ptr + (i * K + j) * C + c, mask=m, other=0.0)
    tl.store(o_ptr + o, acc, mask=m)


class Packer:
    """parameter -> (version, taps-major copy). The entry dies with the parameter, and follows in-place updates."""

    def __init__(self):
        self.entries = WeakIdKeyDictionary()

    def __call__(self, weight):
        entry = self.entries.get(weight)
        stamp = (weight._version, weight.data_ptr())
        if entry is None or entry[0] != stamp:
            C = weight.shape[0]
            packed = weight.detach().view(C, -1).t().contiguous()
            entry = self.entries[weight] = (stamp, packed)
        return entry[1]


pack = Packer()


class ModelNew(nn.Module):
    def __init__(self, in_channels, kernel_size, bias=False):
        super().__init__()
        if bias:
            raise NotImplementedError("the problem has no bias")
        self.conv2d = nn.Conv2d(in_channels, in_channels, kernel_size, groups=in_channels, bias=False)

    @torch.no_grad()
    def forward(self, x):
        x = x.contiguous()
        K = self.conv2d.kernel_size[0]
        B, C, H, W = x.shape
        OH, OW = H - K + 1, W - K + 1
        out = torch.empty((B, C, OH, OW), device=x.device, dtype=x.dtype)
        n = out.numel()
        _dw_conv[(triton.cdiv(n, 512),)](x, pack(self.conv2d.weight), out, C, H, W, OH, OW, n, K=K, BLOCK=512)
        return out
