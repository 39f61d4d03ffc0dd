"""
kernel(logits, target, ignore_index=-100) -> scalar mean cross entropy, differentiable.

logits: (rows, vocab) fp32/bf16/fp16, target: (rows,) int64.
Forward: one online pass per row gives loss and logsumexp.  Backward: one pass writes
softmax - onehot, scaled by the incoming gradient.
"""
import torch
import triton
import triton.language as tl


@triton.jit
def _ce_fwd(x_ptr, t_ptr, loss_ptr, lse_ptr, V, stride, ignore_index, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    target = tl.load(t_ptr + row)
    x_row = x_ptr + row * stride
    offs = tl.arange(0, BLOCK)
    m = tl.full((), -float("inf"), tl.float32)
    s = tl.zeros((), tl.float32)
    for base in range(0, V, BLOCK):
        idx = base + offs
        x = tl.load(x_row + idx, mask=idx < V, other=-float("inf")).to(tl.float32)
        m_new = tl.maximum(m, tl.max(x, axis=0))
        # nothing but -inf so far: keep the sum at zero instead of exp(-inf + inf)
        ref = tl.where(m_new == -float("inf"), 0.0, m_new)
        s = s * tl.exp(m - ref) + tl.sum(tl.exp(x - ref), axis=0)
        m = m_new
    lse = m + tl.log(s)
    tl.store(lse_ptr + row, lse)
    keep = target != ignore_index
    xt = tl.load(x_row + tl.where(keep, target, 0)).to(tl.float32)
    tl.store(loss_ptr + row, tl.where(keep, lse - xt, 0.0))


@triton.jit
def _ce_bwd(x_ptr, t_ptr, lse_ptr, g_ptr, cnt_ptr, dx_ptr, V, stride, dstride, ignore_index, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    target = tl.load(t_ptr + row)
    lse = tl.load(lse_ptr + row)
    g = tl.load(g_ptr).to(tl.float32) / tl.load(cnt_ptr)
    keep = target != ignore_index
    idx = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    mask = idx < V
    x = tl.load(x_ptr + row * stride + idx, mask=mask, other=-float("inf")).to(tl.float32)
    p = tl.exp(x - lse) - tl.where(idx == target, 1.0, 0.0)
    # ignored rows get an explicit zero: dx comes from torch.empty
    dx = tl.where(keep, p * g, 0.0)
    tl.store(dx_ptr + row * dstride + idx, dx.to(dx_ptr.dtype.element_ty), mask=mask)


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, target, ignore_index):
        if logits.stride(-1) != 1:
            logits = logits.contiguous()
        target = target.contiguous()
        rows, V = logits.shape
        loss = torch.empty(rows, device=logits.device, dtype=torch.float32)
        lse = torch.empty(rows, device=logits.device, dtype=torch.float32)
        block = min(8192, triton.next_power_of_2(V))
        if rows:
            _ce_fwd[(rows,)](logits, target, loss, lse, V, logits.stride(0), ignore_index,
                             BLOCK=block, num_warps=8 if block >= 2048 else 4)
        count = (target != ignore_index).sum().to(torch.float32)
        ctx.save_for_backward(logits, target, lse, count)
        ctx.ignore_index = ignore_index
        return (loss.sum() / count).to(logits.dtype)

    @staticmethod
    def backward(ctx, grad_out):
        logits, target, lse, count = ctx.saved_tensors
        rows, V = logits.shape
        dx = torch.empty((rows, V), device=logits.device, dtype=logits.dtype)
        if rows:
            block = min(4096, triton.next_power_of_2(V))
            _ce_bwd[(rows, triton.cdiv(V, block))](
                logits, target, lse, grad_out.contiguous(), count, dx, V,
                logits.stride(0), dx.stride(0), ctx.ignore_index, BLOCK=block, num_warps=8,
            )
        return dx, None, None


def kernel(logits: torch.Tensor, target: torch.Tensor, ignore_index: int = -100) -> torch.Tensor:
    return _CrossEntropy.apply(logits, target, ignore_index)


if __name__ == "__main__":
    torch.manual_seed(0)
    for rows, V in ((1, 5), (64, 1000), (511, 50257)):
        x = torch.randn(rows, V, device="cuda", requires_grad=True)
        t = torch.randint(0, V, (rows,), device="cuda")
        if rows > 3:
            t[1::3] = -100
        y = x.detach().clone().requires_grad_()
        a = kernel(x, t)
        b = torch.nn.functional.cross_entropy(y, t)
        a.backward()
        b.backward()
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-6), (rows, V)
        assert torch.allclose(x.grad, y.grad, rtol=1e-4, atol=1e-7), (rows, V)
    print("all good")
