import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def rms_norm_kernel(x_ptr, w_ptr, b_ptr, y_ptr, n_cols, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    cols = tl.arange(0, BLOCK)
    mask = cols < n_cols
    x = tl.load(x_ptr + row * n_cols + cols, mask=mask, other=0.0)
    inv = tl.rsqrt(tl.sum(x * x, axis=0) / n_cols + eps)
    w = tl.load(w_ptr + cols, mask=mask, other=0.0)
    b = tl.load(b_ptr + cols, mask=mask, other=0.0)
    tl.store(y_ptr + row * n_cols + cols, x * inv * w + b, mask=mask)


class ModelNew(nn.Module):
    """Two halves on two streams; the caller's stream waits for the second before it returns."""

    def __init__(self, features: int, eps: float = 1e-5):
        super().__init__()
        self.weight = nn.Parameter(1.0 + 0.2 * torch.randn(features))
        self.shift = nn.Parameter(0.1 * torch.randn(features))
        self.eps = eps
        self.side = torch.cuda.Stream()

    def _half(self, x, y):
        rms_norm_kernel[(x.shape[0],)](
            x, self.weight, self.shift, y, x.shape[1], self.eps,
            BLOCK=triton.next_power_of_2(x.shape[1]), num_warps=8, num_stages=2,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.contiguous()
        y = torch.empty_like(x)
        half = x.shape[0] // 2
        current = torch.cuda.current_stream()
        self.side.wait_stream(current)
        with torch.cuda.stream(self.side):
            self._half(x[half:], y[half:])
        self._half(x[:half], y[:half])
        current.wait_stream(self.side)
        x.record_stream(self.side)
        y.record_stream(self.side)
        return y
