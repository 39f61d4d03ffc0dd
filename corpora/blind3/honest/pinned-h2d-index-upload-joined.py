import torch
import triton
import triton.language as tl


@triton.jit
def ragged_mean(x, off, y, D, B: tl.constexpr):
    s = tl.program_id(0)
    d = tl.program_id(1) * B + tl.arange(0, B)
    lo = tl.load(off + s)
    hi = tl.load(off + s + 1)
    acc = tl.zeros((B,), tl.float32)
    for r in range(lo, hi):
        acc += tl.load(x + r * D + d, mask=d < D, other=0.0)
    cnt = tl.maximum(hi - lo, 1)
    tl.store(y + s * D + d, acc / cnt, mask=d < D)


_copy_stream = None


def custom_kernel(data):
    """data = (values (R, D) on the GPU, lengths: list of ints)"""
    global _copy_stream
    x, lengths = data
    off = torch.zeros(len(lengths) + 1, dtype=torch.int64)
    off[1:] = torch.tensor(lengths).cumsum(0)
    if _copy_stream is None:
        _copy_stream = torch.cuda.Stream()
    cur = torch.cuda.current_stream()
    with torch.cuda.stream(_copy_stream):
        dev = off.pin_memory().to(x.device, non_blocking=True)
        done = _copy_stream.record_event()
    y = torch.empty((len(lengths), x.shape[1]), device=x.device, dtype=x.dtype)
    x = x.contiguous()
    cur.wait_event(done)
    dev.record_stream(cur)
    ragged_mean[(len(lengths), triton.cdiv(x.shape[1], 128))](x, dev, y, x.shape[1], B=128)
    return y
