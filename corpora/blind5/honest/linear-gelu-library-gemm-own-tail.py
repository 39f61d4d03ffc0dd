"""
Linear -> exact GELU -> scale.

The GEMM is left to cuBLAS, which is close to peak for these sizes; what is
fused is everything behind it (bias, activation and scaling), which in eager
mode costs three extra passes over the (batch, out_features) tensor.
"""
import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def bias_gelu_scale_kernel(
    y_ptr, bias_ptr, out_ptr,
    n_elements, n_cols, scale,
    BLOCK: tl.constexpr,
):
    pid = tl.program_id(0)
    offs = pid * BLOCK + tl.arange(0, BLOCK)
    mask = offs < n_elements
    y = tl.load(y_ptr + offs, mask=mask, other=0.0)
    b = tl.load(bias_ptr + offs % n_cols, mask=mask, other=0.0)
    v = (y + b).to(tl.float32)
    v = 0.5 * v * (1.0 + tl.math.erf(v * 0.7071067811865476))
    tl.store(out_ptr + offs, v * scale, mask=mask)


def bias_gelu_scale(y, bias, scale):
    assert y.is_cuda and bias.is_cuda
    y = y.contiguous()
    out = torch.empty_like(y)
    n = y.numel()
    BLOCK = 1024
    bias_gelu_scale_kernel[(triton.cdiv(n, BLOCK),)](
        y, bias, out, n, y.shape[-1], scale, BLOCK=BLOCK, num_warps=4
    )
    return out


class ModelNew(nn.Module):
    def __init__(self, in_features, out_features, scale):
        super().__init__()
        self.linear = nn.Linear(in_features, out_features)
        self.scale = float(scale)

    def forward(self, x):
        # GEMM without the bias; the bias goes into the fused epilogue.
        y = torch.matmul(x, self.linear.weight.t())
        return bias_gelu_scale(y, self.linear.bias, self.scale)


batch_size = 128
in_features = 1024
out_features = 2048


def get_inputs():
    return [torch.randn(batch_size, in_features)]


def get_init_inputs():
    return [in_features, out_features, 0.5]
