"""How fast the device at hand reads, copies and multiplies: the best of several tries each.

A fresh worker does it that never meets foreign code. What it finds is at most what the device can
do, so floors that divide by it are too high if anything, and are widened for that
(`integrity/peaks.py`).
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial

import torch

from integrity.peaks import Rates

_TRIES = 5
_SHARE_S = 0.1
"""About what one figure may take."""

_LARGE_BYTES = {"cpu": 1 << 27, "cuda": 1 << 31}
_CACHED_BYTES = {
    "cpu": (1 << 17, 1 << 18, 1 << 19, 1 << 20, 1 << 22),
    "cuda": (1 << 23, 1 << 24, 1 << 25),
}
_EXTENT = {"cpu": 256, "cuda": 8192}
"""On a processor so small that a try fits between two turns of other processes."""

_FLOATS = {
    "cpu": (torch.float32, torch.float64),
    "cuda": (torch.float32, torch.float64, torch.float16, torch.bfloat16),
}
_LAUNCHES = 200


def measure(device: torch.device) -> Rates:
    """Everything that floors ask for; about 1 s."""
    with torch.no_grad():
        return Rates(
            _dram(device),
            _cache(device),
            dict(_products(device)),
            _launch_us(device) if device.type == "cuda" else 0.0,
        )


def cache_bytes(device: torch.device) -> float:
    """Of the last cache before memory; 0 where torch does not tell."""
    if device.type != "cuda":
        return 0.0
    return float(torch.cuda.get_device_properties(device).L2_cache_size)


def _dram(device: torch.device) -> float:
    """Reading, or copying: whichever moves more."""
    source = torch.ones(_LARGE_BYTES[device.type] // 4, device=device)
    read = source.nbytes / _best_s(source.sum, device)
    target = torch.empty_like(source)
    copied = 2 * source.nbytes / _best_s(lambda: target.copy_(source), device)
    return max(read, copied)


def _cache(device: torch.device) -> float:
    """Reading again and again what fits a cache; the size that is best."""
    best = 0.0
    for size_bytes in _CACHED_BYTES[device.type]:
        source = torch.ones(size_bytes // 4, device=device)
        best = max(best, size_bytes / _best_s(source.sum, device))
    return best


def _products(device: torch.device) -> Iterator[tuple[str, float]]:
    """A square product in every dtype that the device can multiply."""
    extent = _EXTENT[device.type]
    operations = 2.0 * extent**3
    for dtype in _FLOATS[device.type]:
        left = torch.ones(extent, extent, dtype=dtype, device=device)
        name = str(dtype).removeprefix("torch.")
        yield name, operations / _best_s(partial(torch.mm, left, left), device)
    if device.type == "cuda":
        with contextlib.suppress(RuntimeError), _tf32():
            left = torch.ones(extent, extent, device=device)
            yield "tf32", operations / _best_s(partial(torch.mm, left, left), device)
        with contextlib.suppress(RuntimeError, AttributeError):
            short = torch.ones(extent, extent, dtype=torch.int8, device=device)
            yield "int8", operations / _best_s(partial(torch._int_mm, short, short), device)
        with contextlib.suppress(RuntimeError, AttributeError):
            yield "float8_e4m3fn", operations / _best_s(_scaled_product(extent, device), device)


def _scaled_product(extent: int, device: torch.device) -> Callable[[], object]:
    left = torch.ones(extent, extent, device=device).to(torch.float8_e4m3fn)
    one = torch.ones((), device=device)
    return lambda: torch._scaled_mm(left, left.t(), one, one, out_dtype=torch.bfloat16)


@contextlib.contextmanager
def _tf32() -> Iterator[None]:
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False


def _launch_us(device: torch.device) -> float:
    """From one launch to the next, when the queue is never empty."""
    tiny = torch.zeros(1, device=device)

    def many() -> None:
        for _ in range(_LAUNCHES):
            tiny.zero_()

    return _best_s(many, device) * 1e6 / _LAUNCHES


def _best_s(work: Callable[[], object], device: torch.device) -> float:
    """The shortest of several tries, each long enough for its clock."""
    seconds = _on_device_s if device.type == "cuda" else _on_host_s
    seconds(work, 1)  # loads and chooses what there is to load and choose
    once = seconds(work, 1)
    repeats = max(1, min(1000, int(_SHARE_S / _TRIES / max(once, 1e-7))))
    return min(seconds(work, repeats) for _ in range(_TRIES))


def _on_host_s(work: Callable[[], object], repeats: int) -> float:
    """Of the fastest: others run here too."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def _on_device_s(work: Callable[[], object], repeats: int) -> float:
    """On average of those that follow each other without a gap."""
    start, end = (
        torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        for _ in range(2)
    )
    start.record()
    for _ in range(repeats):
        work()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / 1e3 / repeats
