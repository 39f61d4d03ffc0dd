import torch
import torch.nn as nn


class ModelNew(nn.Module):
    """
    Simple model that performs a matmul, adds a bias and applies a ReLU.
    Optimised version.
    """

    def __init__(self, in_features: int, out_features: int):
        super(ModelNew, self).__init__()
        self.weight = nn.Parameter(torch.randn(in_features, out_features) / in_features**0.5)
        self.bias = nn.Parameter(torch.randn(out_features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """ReLU(x @ W + b)."""
        return torch.relu(torch.matmul(x, self.weight) + self.bias)


batch = 128
in_features = 256
out_features = 256


def get_inputs():
    return [torch.randn(batch, in_features)]


def get_init_inputs():
    return [in_features, out_features]
