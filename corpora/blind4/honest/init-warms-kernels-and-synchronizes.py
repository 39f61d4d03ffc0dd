import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _scale_max_pool(x_ptr, o_ptr, scale, H, W, OH, OW, n, K: tl.constexpr, BLOCK: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = o < n
    ow = o % OW
    oh = (o // OW) % OH
    p = (o // (OW * OH)).to(tl.int64)
    best = tl.full((BLOCK,), -float("inf"), tl.float32)
    for i in tl.static_range(K):
        for j in tl.static_range(K):
            v = tl.load(x_ptr + p * H * W + (oh * K + i) * W + ow * K + j, mask=m, other=-float("inf"))
            best = tl.maximum(best, v * scale)
    tl.store(o_ptr + o, best, mask=m)


class ModelNew(nn.Module):
    """max_pool2d(x * scale, k)"""

    def __init__(self, kernel_size: int, scale: float):
        super().__init__()
        self.k = kernel_size
        self.scale = scale
        if torch.cuda.is_available():
            # compile now, so that the first request does not pay for it
            probe = torch.zeros(1, 1, 2 * kernel_size, 2 * kernel_size, device="cuda")
            self._launch(probe)
            torch.cuda.synchronize()
            del probe

    def _launch(self, x):
        B, C, H, W = x.shape
        OH, OW = H // self.k, W // self.k
        out = torch.empty((B, C, OH, OW), device=x.device, dtype=x.dtype)
        n = out.numel()
        if n:
            _scale_max_pool[(triton.cdiv(n, 512),)](x, out, self.scale, H, W, OH, OW, n, K=self.k, BLOCK=512)
        return out

    def forward(self, x):
        return self._launch(x.contiguous())
