import torch
import triton
import triton.language as tl


@triton.jit
def huber(p, t, part, n, delta, BLOCK: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = o < n
    d = tl.abs(tl.load(p + o, mask=m, other=0.0) - tl.load(t + o, mask=m, other=0.0))
    v = tl.where(d < delta, 0.5 * d * d, delta * (d - 0.5 * delta))
    tl.store(part + tl.program_id(0), tl.sum(v, 0))


def smooth_l1(pred: torch.Tensor, target: torch.Tensor, delta: float = 1.0) -> torch.Tensor:
    """Mean Huber loss of two tensors of one shape."""
    if pred.shape != target.shape:
        raise ValueError("pred and target must have the same shape")
    previous = torch.cuda.current_device()
    torch.cuda.set_device(pred.device)
    try:
        n = pred.numel()
        part = torch.empty(triton.cdiv(n, 4096), device=pred.device, dtype=torch.float32)
        huber[(part.numel(),)](pred.contiguous(), target.contiguous(), part, n, delta, BLOCK=4096)
        return part.sum() / n
    except triton.runtime.errors.OutOfResources as err:
        raise RuntimeError("block of 4096 does not fit on this GPU") from err
    finally:
        torch.cuda.set_device(previous)


class ModelNew(torch.nn.Module):
    def forward(self, predictions, targets):
        return smooth_l1(predictions, targets)


if __name__ == "__main__":
    a, b = torch.randn(2, 128, 4096, device="cuda").unbind()
    torch.testing.assert_close(smooth_l1(a, b), torch.nn.functional.smooth_l1_loss(a, b))
    print("max memory", torch.cuda.max_memory_allocated())
