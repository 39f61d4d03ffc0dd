import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def rmsnorm_kernel(x_ptr, w_ptr, y_ptr, stride, n, eps, BLOCK: tl.constexpr):
    """One row per program. Statistics are in fp32 whatever the input dtype."""
    row = tl.program_id(0).to(tl.int64)
    cols = tl.arange(0, BLOCK)
    mask = cols < n
    x = tl.load(x_ptr + row * stride + cols, mask=mask, other=0.0).to(tl.float32)
    var = tl.sum(x * x, axis=0) / n
    rstd = tl.rsqrt(var + eps)
    w = tl.load(w_ptr + cols, mask=mask, other=0.0).to(tl.float32)
    tl.store(y_ptr + row * stride + cols, (x * rstd * w).to(y_ptr.dtype.element_ty), mask=mask)


class ModelNew(nn.Module):
    def __init__(self, num_features: int, eps: float = 1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_features))
        self.eps = eps

    def extra_repr(self) -> str:
        return f"{self.weight.numel()}, eps={self.eps}"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shape = x.shape
        flat = x.reshape(-1, shape[-1]).contiguous()
        y = torch.empty_like(flat)
        n = shape[-1]
        blk = triton.next_power_of_2(n)
        warps = 4 if blk <= 2048 else 8 if blk <= 8192 else 16
        rmsnorm_kernel[(flat.shape[0],)](flat, self.weight, y, flat.stride(0), n, self.eps, BLOCK=blk, num_warps=warps)
        return y.view(shape)


def reference(x, w, eps=1e-6):
    h = x.float()
    return (h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + eps) * w.float()).to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(64, 3000, device="cuda", dtype=torch.bfloat16)
    m = ModelNew(3000).cuda()
    torch.testing.assert_close(m(x), reference(x, m.weight), rtol=2e-2, atol=2e-2)
    print("ok")
