#!POPCORN leaderboard dual-rmsnorm
"""Normalises two independent tensors. They are too small to fill the GPU one at a
time, so the second one runs on a side stream that is joined before returning."""
import torch
import triton
import triton.language as tl


@triton.jit
def _rms(x, w, y, n, eps, B: tl.constexpr):
    r = tl.program_id(0)
    c = tl.arange(0, B)
    m = c < n
    v = tl.load(x + r * n + c, mask=m, other=0.0).to(tl.float32)
    s = tl.rsqrt(tl.sum(v * v, 0) / n + eps)
    tl.store(y + r * n + c, (v * s * tl.load(w + c, mask=m)).to(y.dtype.element_ty), mask=m)


_side = None


def _side_stream():
    global _side
    if _side is None:
        _side = torch.cuda.Stream()
    return _side


def _launch(x, w, y):
    _rms[(x.shape[0],)](x, w, y, x.shape[1], 1e-6, B=triton.next_power_of_2(x.shape[1]))


def custom_kernel(data):
    q, k, wq, wk, out_q, out_k = data
    main = torch.cuda.current_stream()
    side = _side_stream()

    fork = torch.cuda.Event()
    fork.record(main)
    side.wait_event(fork)

    with torch.cuda.stream(side):
        _launch(k, wk, out_k)
        join = torch.cuda.Event()
        join.record(side)

    _launch(q, wq, out_q)
    main.wait_event(join)
    return out_q, out_k
