import torch
import torch.nn as nn


class Model(nn.Module):
    """Probability of every entry of a wide row, averaged over the two halves of the batch."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shifted = x - x.amax(dim=-1, keepdim=True)
        powers = torch.exp(shifted)
        probabilities = powers / powers.sum(dim=-1, keepdim=True)
        top, bottom = probabilities.chunk(2, dim=0)
        return 0.5 * (top + bottom)


rows = 4
columns = 131072


def get_inputs():
    return [torch.rand(rows, columns)]


def get_init_inputs():
    return []
