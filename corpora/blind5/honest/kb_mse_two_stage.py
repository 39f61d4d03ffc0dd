import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def mse_stage1(p_ptr, t_ptr, part_ptr, n_blocks, cols, t_row_stride, BLOCK: tl.constexpr):
    # predictions are (rows, cols); targets may be broadcast along rows (stride 0)
    pid = tl.program_id(0)
    nprog = tl.num_programs(0)
    col = tl.arange(0, BLOCK)
    blocks_per_row = tl.cdiv(cols, BLOCK)
    acc = tl.zeros((BLOCK,), tl.float32)
    b = pid.to(tl.int64)
    while b < n_blocks:
        r = b // blocks_per_row
        c = (b % blocks_per_row) * BLOCK + col
        m = c < cols
        p = tl.load(p_ptr + r * cols + c, mask=m, other=0.0).to(tl.float32)
        t = tl.load(t_ptr + r * t_row_stride + c, mask=m, other=0.0).to(tl.float32)
        d = p - t
        acc += d * d
        b += nprog
    tl.store(part_ptr + pid, tl.sum(acc, axis=0))


@triton.jit
def mse_stage2(part_ptr, out_ptr, n_parts, inv_count, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = tl.load(part_ptr + i, mask=i < n_parts, other=0.0)
    tl.store(out_ptr, tl.sum(v, axis=0) * inv_count)


class ModelNew(nn.Module):
    """
    Mean squared error: mean((predictions - targets) ** 2)
    """

    def __init__(self):
        super(ModelNew, self).__init__()

    def forward(self, predictions, targets):
        predictions, targets = torch.broadcast_tensors(predictions, targets)
        cols = predictions.shape[-1] if predictions.dim() else 1
        p = predictions.reshape(-1, cols).contiguous() if cols else predictions
        out = torch.empty((), device=predictions.device, dtype=predictions.dtype)
        count = predictions.numel()
        if count == 0:
            return out.fill_(float("nan"))  # what torch.mean gives for nothing
        t = targets.reshape(-1, cols)
        if t.stride(-1) != 1 and cols > 1:
            t = t.contiguous()
        rows = p.shape[0]

        BLOCK = min(4096, max(16, triton.next_power_of_2(cols)))
        sms = torch.cuda.get_device_properties(p.device).multi_processor_count
        work = rows * triton.cdiv(cols, BLOCK)
        programs = min(work, 8 * sms)
        parts = torch.empty(programs, device=p.device, dtype=torch.float32)
        mse_stage1[(programs,)](p, t, parts, work, cols, t.stride(0), BLOCK=BLOCK, num_warps=8)
        mse_stage2[(1,)](
            parts, out, programs, 1.0 / count, BLOCK=triton.next_power_of_2(programs), num_warps=4
        )
        return out


batch_size = 32768
input_shape = (32768,)
dim = 1


def get_inputs():
    scale = torch.rand(())
    return [
        torch.rand(batch_size, *input_shape) * scale,
        torch.rand(batch_size, *input_shape),
    ]


def get_init_inputs():
    return []
