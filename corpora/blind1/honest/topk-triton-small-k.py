import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def topk_kernel(x, vals, idx, n, K: tl.constexpr, BLOCK: tl.constexpr):
    """Iterative selection: fine for K <= 16, which the problem guarantees."""
    r = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    v = tl.load(x + r * n + c, mask=c < n, other=-float("inf"))
    for j in tl.static_range(K):
        best = tl.max(v, 0)
        where = tl.argmax(v, 0)
        tl.store(vals + r * K + j, best)
        tl.store(idx + r * K + j, where.to(tl.int64))
        v = tl.where(c == where, -float("inf"), v)


class ModelNew(nn.Module):
    """Router: top-k gate values, renormalised."""

    def __init__(self, num_experts: int, k: int):
        super().__init__()
        if k > 16:
            raise NotImplementedError("k > 16")
        self.gate = nn.Parameter(torch.randn(num_experts, num_experts) * 0.02)
        self.k = k

    def forward(self, scores: torch.Tensor):
        rows, n = scores.shape
        vals = torch.empty(rows, self.k, device=scores.device, dtype=scores.dtype)
        idx = torch.empty(rows, self.k, device=scores.device, dtype=torch.int64)
        topk_kernel[(rows,)](scores.contiguous(), vals, idx, n, K=self.k, BLOCK=triton.next_power_of_2(n))
        return vals / vals.sum(-1, keepdim=True), idx
