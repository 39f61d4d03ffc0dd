import torch
import torch.nn as nn
import torch.nn.functional as F
import triton
import triton.language as tl


@triton.jit
def _residual_scale(x_ptr, y_ptr, g_ptr, o_ptr, D, n, BLOCK: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = o < n
    x = tl.load(x_ptr + o, mask=m, other=0.0)
    y = tl.load(y_ptr + o, mask=m, other=0.0)
    g = tl.load(g_ptr + o % D, mask=m, other=0.0)
    tl.store(o_ptr + o, x + g * y, mask=m)


class ModelNew(nn.Module):
    """x + gamma * dropout(branch); dropout is the identity unless the module trains."""

    def __init__(self, dim, p=0.1, init=1e-4):
        super().__init__()
        self.gamma = nn.Parameter(init * torch.ones(dim))
        self.p = p

    def _dropped(self, branch):
        if not self.training or self.p == 0.0:
            return branch
        return F.dropout(branch, self.p, training=True)

    @torch.no_grad()
    def forward(self, x, branch):
        y = self._dropped(branch).contiguous()
        x = x.contiguous()
        out = torch.empty_like(x)
        n = x.numel()
        if n:
            _residual_scale[(triton.cdiv(n, 1024),)](x, y, self.gamma, out, x.shape[-1], n, BLOCK=1024)
        return out


def get_inputs():
    return [torch.randn(32, 197, 768), torch.randn(32, 197, 768)]


def get_init_inputs():
    return [768]
