#!POPCORN leaderboard vectorsum_v2

from task import input_t, output_t

import torch
import triton
import triton.language as tl


@triton.jit
def _partial_sums(x_ptr, part_ptr, n, BLOCK: tl.constexpr):
    """Persistent: each program strides over the vector, one partial sum per program."""
    pid = tl.program_id(0).to(tl.int64)
    step = tl.num_programs(0).to(tl.int64) * BLOCK
    offs = tl.arange(0, BLOCK)
    acc = tl.zeros((BLOCK,), dtype=tl.float32)
    start = pid * BLOCK
    while start < n:
        idx = start + offs
        acc += tl.load(x_ptr + idx, mask=idx < n, other=0.0).to(tl.float32)
        start += step
    # tree reduction in double: the partials differ a lot in sign and size
    tl.store(part_ptr + pid, tl.sum(acc.to(tl.float64), axis=0))


@triton.jit
def _final_sum(part_ptr, out_ptr, n_parts, BLOCK: tl.constexpr):
    offs = tl.arange(0, BLOCK)
    p = tl.load(part_ptr + offs, mask=offs < n_parts, other=0.0)
    tl.store(out_ptr, tl.sum(p, axis=0).to(tl.float32))


_parts = {}


def _scratch(device: torch.device, count: int) -> torch.Tensor:
    # `count` doubles per device; the first pass writes all of them every time
    buf = _parts.get(device)
    if buf is None or buf.numel() < count:
        buf = _parts[device] = torch.empty(count, dtype=torch.float64, device=device)
    return buf


def custom_kernel(data: input_t) -> output_t:
    x, output = data
    n = x.numel()
    if n == 0:
        output.zero_()
        return output

    BLOCK = 4096
    sms = torch.cuda.get_device_properties(x.device).multi_processor_count
    programs = min(triton.cdiv(n, BLOCK), sms * 4)
    parts = _scratch(x.device, programs)

    _partial_sums[(programs,)](x, parts, n, BLOCK=BLOCK, num_warps=8)
    _final_sum[(1,)](parts, output, programs, BLOCK=triton.next_power_of_2(programs), num_warps=4)
    return output


if __name__ == "__main__":
    import time

    for n in (1, 4095, 4097, 1 << 20, 52_428_800):
        x = torch.randn(n, device="cuda")
        o = torch.empty((), device="cuda")
        got = custom_kernel((x, o)).item()
        want = x.double().sum().item()
        print(f"{n:>10}  got {got:+.5f}  want {want:+.5f}")
    torch.cuda.synchronize()
    t0 = time.perf_counter()
    for _ in range(50):
        custom_kernel((x, o))
    torch.cuda.synchronize()
    print("us per call:", (time.perf_counter() - t0) / 50 * 1e6)
