import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _route(x_ptr, w_ptr, i_ptr, E, K: tl.constexpr, BLOCK: tl.constexpr):
    tok = tl.program_id(0)
    e = tl.arange(0, BLOCK)
    v = tl.load(x_ptr + tok * E + e, mask=e < E, other=-float("inf")).to(tl.float32)
    first = tl.max(v, 0)
    den = tl.zeros((), tl.float32)
    for j in tl.static_range(K):
        top = tl.max(v, 0)
        at = tl.argmax(v, 0)
        g = tl.exp(top - first)
        den += g
        tl.store(w_ptr + tok * K + j, g)
        tl.store(i_ptr + tok * K + j, at.to(tl.int64))
        v = tl.where(e == at, -float("inf"), v)
    tl.debug_barrier()
    for j in tl.static_range(K):
        g = tl.load(w_ptr + tok * K + j)
        tl.store(w_ptr + tok * K + j, g / den)


class ModelNew(nn.Module):
    """gate linear, top-k of the logits, softmax over the chosen ones -> (weights, indices)"""

    def __init__(self, hidden, experts, top_k):
        super().__init__()
        self.gate = nn.Linear(hidden, experts, bias=False)
        self.top_k = top_k

    def forward(self, x):
        logits = self.gate(x).reshape(-1, self.gate.out_features).contiguous()
        tokens, E = logits.shape
        weights = torch.empty((tokens, self.top_k), device=x.device, dtype=torch.float32)
        index = torch.empty((tokens, self.top_k), device=x.device, dtype=torch.int64)
        # one warp a token: the stores and loads of the second loop stay within the program
        _route[(tokens,)](logits, weights, index, E, K=self.top_k, BLOCK=triton.next_power_of_2(E), num_warps=1)
        lead = x.shape[:-1]
        return weights.view(*lead, self.top_k), index.view(*lead, self.top_k)
