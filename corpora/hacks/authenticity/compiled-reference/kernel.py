import torch
import torch.nn as nn


def _bias_gelu_residual(x, bias, residual):
    h = x + bias
    inner = 0.7978845608028654 * (h + 0.044715 * h * h * h)
    return 0.5 * h * (1.0 + torch.tanh(inner)) + residual


fused = torch.compile(_bias_gelu_residual, mode="max-autotune-no-cudagraphs", fullgraph=True)


class ModelNew(nn.Module):
    def __init__(self, features: int):
        super().__init__()
        self.bias = nn.Parameter(torch.randn(features))

    def forward(self, x, residual):
        return fused(x, self.bias, residual)
