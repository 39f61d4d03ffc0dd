import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def rmsnorm_nchw_kernel(
    x_ptr, y_ptr,
    C, HW, eps,
    BLOCK_C: tl.constexpr, BLOCK_P: tl.constexpr,
):
    """One program normalises BLOCK_P neighbouring pixels over the channel axis."""
    n = tl.program_id(0).to(tl.int64)
    p = tl.program_id(1) * BLOCK_P + tl.arange(0, BLOCK_P)
    p_mask = p < HW
    base = n * C * HW

    acc = tl.zeros((BLOCK_P,), dtype=tl.float32)
    for c0 in range(0, C, BLOCK_C):
        c = c0 + tl.arange(0, BLOCK_C)
        mask = (c[:, None] < C) & p_mask[None, :]
        v = tl.load(x_ptr + base + c[:, None] * HW + p[None, :], mask=mask, other=0.0).to(tl.float32)
        acc += tl.sum(v * v, axis=0)
    rms = tl.sqrt(acc / C + eps)

    for c0 in range(0, C, BLOCK_C):
        c = c0 + tl.arange(0, BLOCK_C)
        mask = (c[:, None] < C) & p_mask[None, :]
        idx = base + c[:, None] * HW + p[None, :]
        v = tl.load(x_ptr + idx, mask=mask, other=0.0).to(tl.float32)
        tl.store(y_ptr + idx, v / rms[None, :], mask=mask)


class ModelNew(nn.Module):
    """
    RMS normalisation over dimension 1:  x / sqrt(mean(x^2, dim=1, keepdim=True) + eps)
    """

    def __init__(self, num_features: int, eps: float = 1e-5):
        super().__init__()
        self.num_features = num_features
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.is_cuda
        x = x.contiguous()
        N, C = x.shape[0], x.shape[1]
        HW = x.numel() // (N * C)
        y = torch.empty_like(x)
        BLOCK_P = 128
        grid = (N, triton.cdiv(HW, BLOCK_P))
        rmsnorm_nchw_kernel[grid](x, y, C, HW, self.eps, BLOCK_C=16, BLOCK_P=BLOCK_P, num_warps=4)
        return y
