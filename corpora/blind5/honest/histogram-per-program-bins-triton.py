import torch
import triton
import triton.language as tl
from task import input_t, output_t

NUM_BINS = 256


@triton.jit
def histogram_kernel(x_ptr, bins_ptr, n, PER_PROGRAM, BLOCK: tl.constexpr, NBINS: tl.constexpr):
    """Every program counts its stretch in registers and adds it to the result once."""
    pid = tl.program_id(0).to(tl.int64)
    start = pid * PER_PROGRAM
    counts = tl.zeros((NBINS,), dtype=tl.int32)
    lanes = tl.arange(0, BLOCK)
    bin_ids = tl.arange(0, NBINS)
    padded = 0
    for i in range(0, PER_PROGRAM, BLOCK):
        offs = start + i + lanes
        mask = (offs < n) & (i + lanes < PER_PROGRAM)
        v = tl.load(x_ptr + offs, mask=mask, other=0).to(tl.int32)
        counts += tl.histogram(v, NBINS)
        # lanes outside were counted in bin 0
        padded += tl.sum(tl.where(mask, 0, 1), axis=0)
    counts = tl.where(bin_ids == 0, counts - padded, counts)
    tl.atomic_add(bins_ptr + bin_ids, counts.to(tl.int64), mask=counts != 0)


def custom_kernel(data: input_t) -> output_t:
    x, out = data
    assert x.is_cuda
    x = x.contiguous()
    n = x.numel()
    out.zero_()  # the atomics accumulate into it
    if n == 0:
        return out
    per_program = 16384
    grid = (triton.cdiv(n, per_program),)
    histogram_kernel[grid](x, out, n, per_program, BLOCK=2048, NBINS=NUM_BINS, num_warps=8)
    return out


def _reference(x):
    return torch.bincount(x.to(torch.int64), minlength=NUM_BINS)


if __name__ == "__main__":
    for size in (1, 4095, 1 << 20):
        sample = torch.randint(0, NUM_BINS, (size,), device="cuda", dtype=torch.uint8)
        result = torch.empty(NUM_BINS, device="cuda", dtype=torch.int64)
        custom_kernel((sample, result))
        assert torch.equal(result, _reference(sample)), size
    print("ok")
