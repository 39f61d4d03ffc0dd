import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def ce_fwd(logits, target, loss, lse, n_cols, stride, BLOCK: tl.constexpr):
    r = tl.program_id(0).to(tl.int64)
    m = tl.full((), -float("inf"), tl.float32)
    d = tl.zeros((), tl.float32)
    for s in range(0, n_cols, BLOCK):
        c = s + tl.arange(0, BLOCK)
        v = tl.load(logits + r * stride + c, mask=c < n_cols, other=-float("inf")).to(tl.float32)
        mn = tl.maximum(m, tl.max(v, 0))
        d = d * tl.exp(m - mn) + tl.sum(tl.exp(v - mn), 0)
        m = mn
    t = tl.load(target + r)
    z = m + tl.log(d)
    tl.store(lse + r, z)
    tl.store(loss + r, z - tl.load(logits + r * stride + t).to(tl.float32))


@triton.jit
def ce_bwd(logits, target, lse, grad_out, grad, n_rows, n_cols, stride, BLOCK: tl.constexpr):
    r = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    msk = c < n_cols
    v = tl.load(logits + r * stride + c, mask=msk, other=0.0).to(tl.float32)
    p = tl.exp(v - tl.load(lse + r))
    p = tl.where(c == tl.load(target + r), p - 1.0, p)
    g = tl.load(grad_out) / n_rows
    tl.store(grad + r * stride + c, (p * g).to(grad.dtype.element_ty), mask=msk)


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, target):
        rows, cols = logits.shape
        loss = torch.empty(rows, device=logits.device, dtype=torch.float32)
        lse = torch.empty_like(loss)
        ce_fwd[(rows,)](logits, target, loss, lse, cols, logits.stride(0), BLOCK=4096, num_warps=8)
        ctx.save_for_backward(logits, target, lse)
        return loss.mean()

    @staticmethod
    def backward(ctx, grad_output):
        logits, target, lse = ctx.saved_tensors
        grad = torch.empty_like(logits)
        rows, cols = logits.shape
        ce_bwd[(rows, triton.cdiv(cols, 2048))](logits, target, lse, grad_output, grad, rows, cols,
                                                logits.stride(0), BLOCK=2048)
        return grad, None


class ModelNew(nn.Module):
    def forward(self, predictions, targets):
        return _CrossEntropy.apply(predictions.contiguous(), targets)
