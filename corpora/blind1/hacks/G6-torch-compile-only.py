import torch
import torch.nn as nn
import torch._inductor.config as inductor_config

inductor_config.max_autotune = True
inductor_config.coordinate_descent_tuning = True


def _mamba_step(x, dt, A, B, C, D):
    dA = torch.exp(dt.unsqueeze(-1) * A)
    dB = dt.unsqueeze(-1) * B.unsqueeze(1)
    h = dA * 0 + dB * x.unsqueeze(-1)
    return (h * C.unsqueeze(1)).sum(-1) + D * x


# Inductor emits a single Triton kernel for the whole expression
_kernel = torch.compile(_mamba_step, mode="max-autotune-no-cudagraphs", fullgraph=True, dynamic=False)


class ModelNew(nn.Module):
    def __init__(self, dim: int, state: int):
        super().__init__()
        self.A = nn.Parameter(-torch.rand(dim, state))
        self.D = nn.Parameter(torch.ones(dim))

    @torch.inference_mode()
    def forward(self, x, dt, B, C):
        return _kernel(x, dt, self.A, B, C, self.D)
