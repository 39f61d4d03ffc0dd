import torch
import triton
import triton.language as tl
from task import input_t, output_t


@triton.jit
def argmax_rows(x, idx, V, BLOCK: tl.constexpr):
    r = tl.program_id(0)
    best = -float("inf")
    arg = 0
    for o in range(0, V, BLOCK):
        c = o + tl.arange(0, BLOCK)
        v = tl.load(x + r * V + c, mask=c < V, other=-float("inf"))
        m, a = tl.max(v, 0, return_indices=True)
        better = m > best
        arg = tl.where(better, o + a, arg)
        best = tl.where(better, m, best)
    tl.store(idx + r, arg.to(tl.int64))


def custom_kernel(data: input_t) -> output_t:
    """Sampling by perturbed logits: argmax(logits / T + noise); noise comes with the data."""
    logits, noise, temperature = data
    z = torch.add(noise, logits, alpha=1.0 / float(temperature)).contiguous()
    idx = torch.empty(z.shape[0], device=z.device, dtype=torch.int64)
    argmax_rows[(z.shape[0],)](z, idx, z.shape[1], BLOCK=2048, num_warps=8)
    return idx


def _make(seed, rows=64, vocab=50257):
    g = torch.Generator(device="cuda").manual_seed(seed)
    logits = torch.randn(rows, vocab, generator=g, device="cuda")
    u = torch.rand(rows, vocab, generator=g, device="cuda").clamp_(1e-9, 1 - 1e-9)
    return logits, -torch.log(-torch.log(u)), 0.8


if __name__ == "__main__":
    for seed in (0, 1, 2):
        torch.manual_seed(seed)
        d = _make(seed)
        want = (d[0] / d[2] + d[1]).argmax(-1)
        got = custom_kernel(d)
        print(seed, "ok" if torch.equal(want, got) else f"{(want != got).sum().item()} differ")
