import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def kl_rows(p, q, row, D, BLOCK: tl.constexpr):
    r = tl.program_id(0)
    acc = tl.zeros((BLOCK,), tl.float32)
    for o in range(0, D, BLOCK):
        c = o + tl.arange(0, BLOCK)
        m = c < D
        t = tl.load(q + r * D + c, mask=m, other=0.0)
        lp = tl.log(tl.load(p + r * D + c, mask=m, other=1.0))
        acc += tl.where(t > 0, t * (tl.log(tl.where(t > 0, t, 1.0)) - lp), 0.0)
    tl.store(row + r, tl.sum(acc, 0))


class ModelNew(nn.Module):
    """KL(targets || predictions) with reduction='batchmean'."""

    def __init__(self):
        super().__init__()

    def forward(self, predictions: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        p, t = predictions.contiguous(), targets.contiguous()
        rows, D = p.shape
        per_row = torch.empty(rows, device=p.device, dtype=torch.float32)
        kl_rows[(rows,)](p, t, per_row, D, BLOCK=1024)
        return per_row.sum() / rows


def get_inputs():
    scale = torch.rand(())
    return [(torch.rand(8192, 8192) * scale).softmax(dim=-1), torch.rand(8192, 8192).softmax(dim=-1)]


def get_init_inputs():
    return []
