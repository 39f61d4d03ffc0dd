import torch
import torch.nn as nn
import torch.nn.functional as F


class ModelNew(nn.Module):
    """Optimised layer norm: one fused call instead of eight."""

    def __init__(self, features: int, eps: float = 1e-5):
        super().__init__()
        self.gamma = nn.Parameter(1.0 + 0.1 * torch.randn(features))
        self.beta = nn.Parameter(0.1 * torch.randn(features))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x, (x.shape[-1],), self.gamma, self.beta, self.eps)
