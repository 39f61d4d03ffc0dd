import torch
import torch.nn as nn
import triton
import triton.language as tl

# Rows up to this many elements are held in registers by one program;
# longer rows are streamed (online softmax), split over several programs when
# there are too few rows to fill the machine.
_ONE_SHOT_LIMIT = 16384


@triton.jit
def _softmax_one_shot(x_ptr, y_ptr, n_cols, x_row_stride, y_row_stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    cols = tl.arange(0, BLOCK)
    mask = cols < n_cols
    x = tl.load(x_ptr + row * x_row_stride + cols, mask=mask, other=-float("inf")).to(tl.float32)
    x = x - tl.max(x, axis=0)
    num = tl.exp(x)
    den = tl.sum(num, axis=0)
    tl.store(y_ptr + row * y_row_stride + cols, num / den, mask=mask)


@triton.jit
def _softmax_partials(x_ptr, m_ptr, s_ptr, n_cols, x_row_stride, chunk, n_chunks, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    start = part * chunk
    stop = tl.minimum(start + chunk, n_cols)
    m = tl.full((BLOCK,), -float("inf"), dtype=tl.float32)
    s = tl.zeros((BLOCK,), dtype=tl.float32)
    offs = tl.arange(0, BLOCK)
    for base in range(start, stop, BLOCK):
        idx = base + offs
        x = tl.load(x_ptr + row * x_row_stride + idx, mask=idx < stop, other=-float("inf")).to(tl.float32)
        m_new = tl.maximum(m, x)
        # a lane that has seen nothing yet has m == m_new == -inf: keep its sum at 0
        scale = tl.where(m_new == -float("inf"), 0.0, tl.exp(m - m_new))
        term = tl.where(m_new == -float("inf"), 0.0, tl.exp(x - m_new))
        s = s * scale + term
        m = m_new
    m_all = tl.max(m, axis=0)
    s_all = tl.sum(tl.where(m == -float("inf"), 0.0, s * tl.exp(m - m_all)), axis=0)
    tl.store(m_ptr + row * n_chunks + part, m_all)
    tl.store(s_ptr + row * n_chunks + part, s_all)


@triton.jit
def _softmax_finish(
    x_ptr, y_ptr, m_ptr, s_ptr, n_cols, x_row_stride, y_row_stride, chunk, n_chunks,
    CHUNKS: tl.constexpr, BLOCK: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    c = tl.arange(0, CHUNKS)
    cm = c < n_chunks
    m = tl.load(m_ptr + row * n_chunks + c, mask=cm, other=-float("inf"))
    s = tl.load(s_ptr + row * n_chunks + c, mask=cm, other=0.0)
    m_all = tl.max(m, axis=0)
    den = tl.sum(s * tl.exp(m - m_all), axis=0)
    start = part * chunk
    stop = tl.minimum(start + chunk, n_cols)
    offs = tl.arange(0, BLOCK)
    for base in range(start, stop, BLOCK):
        idx = base + offs
        mask = idx < stop
        x = tl.load(x_ptr + row * x_row_stride + idx, mask=mask, other=0.0).to(tl.float32)
        tl.store(y_ptr + row * y_row_stride + idx, tl.exp(x - m_all) / den, mask=mask)


class ModelNew(nn.Module):
    """Softmax over dim 1 of a 2D tensor."""

    def __init__(self):
        super().__init__()
        # Scratch for the per-chunk maxima and sums; sized per (rows, chunks)
        # and overwritten in full by every forward that uses it.
        self._scratch = {}

    def _partials(self, rows, chunks, device):
        key = (rows, chunks, device)
        buf = self._scratch.get(key)
        if buf is None:
            buf = torch.empty((2, rows, chunks), device=device, dtype=torch.float32)
            self._scratch[key] = buf
        return buf[0], buf[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.dim() != 2:
            raise ValueError("expected a 2D tensor")
        if x.stride(1) != 1:
            x = x.contiguous()
        rows, cols = x.shape
        y = torch.empty((rows, cols), device=x.device, dtype=x.dtype)
        if y.numel() == 0:
            return y

        if cols <= _ONE_SHOT_LIMIT:
            block = triton.next_power_of_2(cols)
            warps = 4 if block <= 2048 else (8 if block <= 8192 else 16)
            _softmax_one_shot[(rows,)](x, y, cols, x.stride(0), y.stride(0), BLOCK=block, num_warps=warps)
            return y

        block = 4096
        sms = torch.cuda.get_device_properties(x.device).multi_processor_count
        want = max(1, (4 * sms) // rows)
        chunks = min(want, triton.cdiv(cols, block), 256)
        chunk = triton.cdiv(triton.cdiv(cols, chunks), block) * block
        chunks = triton.cdiv(cols, chunk)
        m, s = self._partials(rows, chunks, x.device)
        grid = (rows, chunks)
        _softmax_partials[grid](x, m, s, cols, x.stride(0), chunk, chunks, BLOCK=block, num_warps=8)
        _softmax_finish[grid](
            x, y, m, s, cols, x.stride(0), y.stride(0), chunk, chunks,
            CHUNKS=triton.next_power_of_2(chunks), BLOCK=block, num_warps=8,
        )
        return y


batch_size = 4096
dim = 393216


def get_inputs():
    return [torch.rand(batch_size, dim)]


def get_init_inputs():
    return []
