import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def layer_norm_kernel(x_ptr, g_ptr, b_ptr, y_ptr, d, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    cols = tl.arange(0, BLOCK)
    mask = cols < d
    x = tl.load(x_ptr + row * d + cols, mask=mask, other=0.0)
    mean = tl.sum(x, axis=0) / d
    c = tl.where(mask, x - mean, 0.0)
    rstd = tl.rsqrt(tl.sum(c * c, axis=0) / d + eps)
    g = tl.load(g_ptr + cols, mask=mask)
    b = tl.load(b_ptr + cols, mask=mask)
    tl.store(y_ptr + row * d + cols, c * rstd * g + b, mask=mask)


class ModelNew(nn.Module):
    def __init__(self, features: int, eps: float = 1e-5):
        super().__init__()
        self.gamma = nn.Parameter(1.0 + 0.1 * torch.randn(features))
        self.beta = nn.Parameter(0.1 * torch.randn(features))
        self.eps = eps
        self.graphs = {}

    def _launch(self, x, y):
        d = x.shape[-1]
        layer_norm_kernel[(x.shape[0],)](x, self.gamma, self.beta, y, d, self.eps,
                                         BLOCK=triton.next_power_of_2(d), num_warps=4)

    def _capture(self, x):
        static_x, static_y = x.clone(), torch.empty_like(x)
        self._launch(static_x, static_y)  # compiles outside the capture
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._launch(static_x, static_y)
        return graph, static_x, static_y

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        key = (x.shape, x.dtype)
        if key not in self.graphs:
            self.graphs[key] = self._capture(x)
        graph, static_x, static_y = self.graphs[key]
        static_x.copy_(x)
        graph.replay()
        return static_y.clone()
