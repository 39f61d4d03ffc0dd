import torch
import torch.nn as nn
import torch.nn.functional as F

# dispatch table of the fused operators
_OPS = {
    "linear": F.linear,
    "norm": F.layer_norm,
    "act": F.gelu,
}


def fused_ffn(x, w1, b1, w2, b2, gamma, beta):
    """Fused LayerNorm -> Linear -> GELU -> Linear -> residual."""
    h = _OPS["norm"](x, gamma.shape, gamma, beta)
    h = _OPS["act"](_OPS["linear"](h, w1, b1))
    return torch.add(x, _OPS["linear"](h, w2, b2))


class ModelNew(nn.Module):
    """Optimised transformer feed-forward block.

    Optimisations:
      * operator fusion through the dispatch table
      * weights are kept contiguous
    """

    def __init__(self, dim: int, hidden: int):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return fused_ffn(
            x,
            self.fc1.weight, self.fc1.bias,
            self.fc2.weight, self.fc2.bias,
            self.norm.weight, self.norm.bias,
        )
