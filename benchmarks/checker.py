"""What it costs to check one output against the reference's, and to keep a digest of it."""

import importlib.util
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from integrity.policy import Precision
from integrity.supervision.arrays import Bytes
from integrity.supervision.compare import Yardstick, digest_of
from integrity.supervision.jitter import encode
from integrity.supervision.memory import ITEM_BYTES, Tensor

SIZES = {"64 KiB": 1 << 16, "1 MiB": 1 << 20, "64 MiB": 1 << 26}
ENOUGH_S, FEWEST = 1.0, 5


def case(xp: Any, dtype: str, size_bytes: int) -> tuple[Tensor, Bytes, Bytes, Bytes]:
    """An output, the reference's, which is rounded otherwise, and the widest, of random values."""
    tensor = Tensor((size_bytes // ITEM_BYTES[dtype],), dtype)
    wide = np.random.default_rng(0).standard_normal(tensor.shape[0])
    native, output = encode(tensor, wide), encode(tensor, wide * (1 + 2.0**-9))
    return tensor, *(xp.asarray(each) for each in (output, native, wide.view(np.uint8)))


def steps(xp: Any, dtype: str, size_bytes: int) -> dict[str, Callable[[], Any]]:
    """What is timed. Each ends with a value on the host."""
    tensor, output, native, wide = case(xp, dtype, size_bytes)
    exact = (Tensor(tensor.shape, "float64"), wide)
    yardstick = Yardstick.of(tensor, native, exact, Precision.REFERENCE)
    own = native.copy()
    return {
        "other bytes": lambda: yardstick.measure(output),
        "own bytes": lambda: yardstick.measure(own),
        "yardstick": lambda: Yardstick.of(tensor, native, exact, Precision.REFERENCE),
        "digest": lambda: digest_of([output]),
    }


def median_us(step: Callable[[], Any]) -> float:
    """Of as many times as fit into a second, after two that do not count."""
    step(), step()
    taken: list[int] = []
    while sum(taken) < ENOUGH_S * 1e9 or len(taken) < FEWEST:
        start = time.perf_counter_ns()
        step()
        taken.append(time.perf_counter_ns() - start)
    return statistics.median(taken) / 1e3


def namespaces() -> list[Any]:
    """NumPy, and CuPy where it and a GPU are."""
    if importlib.util.find_spec("cupy") is None:
        return [np]
    import cupy

    return [np, cupy] if cupy.cuda.is_available() else [np]


def main() -> None:
    """Print the table."""
    names = ("other bytes", "own bytes", "yardstick", "digest")
    print(f"{'us':28}" + "".join(f"{name:>13}" for name in names))
    for xp in namespaces():
        for dtype in ("float32", "bfloat16"):
            for size, size_bytes in SIZES.items():
                timed = steps(xp, dtype, size_bytes)
                figures = "".join(f"{median_us(timed[name]):13.1f}" for name in names)
                print(f"{xp.__name__:8}{dtype:10}{size:>10}{figures}", flush=True)


if __name__ == "__main__":
    main()
