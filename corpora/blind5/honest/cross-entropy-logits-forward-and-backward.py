import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def ce_forward(logits_ptr, target_ptr, loss_ptr, lse_ptr, stride, C, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    cols = tl.arange(0, BLOCK)
    mask = cols < C
    x = tl.load(logits_ptr + row * stride + cols, mask=mask, other=-float("inf")).to(tl.float32)
    m = tl.max(x, axis=0)
    lse = m + tl.log(tl.sum(tl.exp(x - m), axis=0))
    t = tl.load(target_ptr + row)
    picked = tl.load(logits_ptr + row * stride + t).to(tl.float32)
    tl.store(lse_ptr + row, lse)
    tl.store(loss_ptr + row, lse - picked)


@triton.jit
def ce_backward(logits_ptr, target_ptr, lse_ptr, grad_out_ptr, grad_ptr, stride, C, inv_rows, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    cols = tl.arange(0, BLOCK)
    mask = cols < C
    x = tl.load(logits_ptr + row * stride + cols, mask=mask, other=-float("inf")).to(tl.float32)
    lse = tl.load(lse_ptr + row)
    t = tl.load(target_ptr + row)
    g = tl.load(grad_out_ptr).to(tl.float32) * inv_rows
    p = tl.exp(x - lse) - tl.where(cols == t, 1.0, 0.0)
    tl.store(grad_ptr + row * C + cols, p * g, mask=mask)


class CrossEntropyFn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, target):
        logits = logits.contiguous()
        rows, C = logits.shape
        losses = torch.empty(rows, device=logits.device, dtype=torch.float32)
        lse = torch.empty_like(losses)
        block = triton.next_power_of_2(C)
        ce_forward[(rows,)](logits, target, losses, lse, logits.stride(0), C, BLOCK=block)
        ctx.save_for_backward(logits, target, lse)
        return losses.mean()

    @staticmethod
    def backward(ctx, grad_output):
        logits, target, lse = ctx.saved_tensors
        rows, C = logits.shape
        grad = torch.empty_like(logits)
        block = triton.next_power_of_2(C)
        ce_backward[(rows,)](
            logits, target, lse, grad_output.contiguous(), grad, logits.stride(0), C, 1.0 / rows, BLOCK=block
        )
        return grad, None


class ModelNew(nn.Module):
    """Mean cross entropy of (batch, classes) logits with integer targets."""

    def __init__(self):
        super().__init__()

    def forward(self, predictions, targets):
        assert predictions.is_cuda and targets.is_cuda
        return CrossEntropyFn.apply(predictions, targets.contiguous())
