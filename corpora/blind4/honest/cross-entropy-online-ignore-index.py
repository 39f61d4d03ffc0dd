import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _ce(x_ptr, t_ptr, l_ptr, V, ignore, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    t = tl.load(t_ptr + row)
    if t == ignore:
        tl.store(l_ptr + row, 0.0)
    else:
        m = tl.full((), -float("inf"), tl.float32)
        s = tl.zeros((), tl.float32)
        for st in range(0, V, BLOCK):
            c = st + tl.arange(0, BLOCK)
            v = tl.load(x_ptr + row * V + c, mask=c < V, other=-float("inf")).to(tl.float32)
            mn = tl.maximum(m, tl.max(v, 0))
            s = s * tl.exp(m - mn) + tl.sum(tl.exp(v - mn), 0)
            m = mn
        picked = tl.load(x_ptr + row * V + t).to(tl.float32)
        tl.store(l_ptr + row, m + tl.log(s) - picked)


class ModelNew(nn.Module):
    def __init__(self, ignore_index: int = -100):
        super().__init__()
        self.ignore_index = ignore_index
        self.calls = 0

    def extra_repr(self):
        return f"ignore_index={self.ignore_index}, calls={self.calls}"

    def forward(self, logits, targets):
        self.calls += 1
        x = logits.reshape(-1, logits.shape[-1]).contiguous()
        t = targets.reshape(-1).contiguous()
        losses = torch.empty(x.shape[0], device=x.device, dtype=torch.float32)
        _ce[(x.shape[0],)](x, t, losses, x.shape[1], self.ignore_index, BLOCK=4096, num_warps=8)
        kept = (t != self.ignore_index).sum()
        return losses.sum() / kept
