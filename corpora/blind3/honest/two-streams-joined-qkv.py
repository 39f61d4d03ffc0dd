import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def l2norm(x, o, D, eps, B: tl.constexpr):
    r = tl.program_id(0)
    i = tl.arange(0, B)
    v = tl.load(x + r * D + i, mask=i < D, other=0.0)
    tl.store(o + r * D + i, v * tl.rsqrt(tl.sum(v * v, 0) + eps), mask=i < D)


def _norm(x, eps=1e-6):
    x = x.contiguous()
    o = torch.empty_like(x)
    D = x.shape[-1]
    l2norm[(x.numel() // D,)](x, o, D, eps, B=triton.next_power_of_2(D))
    return o


class ModelNew(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.q = nn.Linear(dim, dim, bias=False)
        self.k = nn.Linear(dim, dim, bias=False)
        self._s = None

    def forward(self, x):
        main = torch.cuda.current_stream()
        if self._s is None:
            self._s = torch.cuda.Stream()
        side = self._s
        side.wait_stream(main)
        with torch.cuda.stream(side):
            k = _norm(self.k(x))
        q = _norm(self.q(x))
        main.wait_stream(side)
        k.record_stream(main)
        x.record_stream(side)
        return torch.bmm(q, k.transpose(1, 2))
