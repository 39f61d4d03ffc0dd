"""Arrays on the host and on a GPU by one source: NumPy's, or CuPy's where CuPy is loaded.

What comes from tensors is worked on in pieces, so that no more memory is needed for a large tensor
than for a small one; and what a piece found is fetched with the others', since every single value
that a host wants from a GPU costs a synchronisation.
"""

import sys
from collections.abc import Iterator, Sequence
from functools import cache
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
"""Flat and contiguous, and aligned to 8 bytes, which a GPU insists on. A CuPy array stands in."""

Floats = npt.NDArray[np.float64]
"""Flat. A CuPy array stands in."""

PIECE = {"numpy": 1 << 16, "cupy": 1 << 22}
"""Elements in a piece. In float64 512 KiB: of 32 KiB to 2 MiB none was faster for outputs of both
1 MiB and 64 MiB (`benchmarks/checker.py`). On a GPU 32 MiB, chosen to outweigh a launch."""

_HASHED_WORDS = 1 << 20


def namespace(array: object) -> Any:
    """The module whose array it is. CuPy is not imported: who has none of it has none loaded."""
    cupy = sys.modules.get("cupy")
    return cupy if cupy is not None and isinstance(array, cupy.ndarray) else np


def pieces(xp: Any, stop: int, start: int = 0) -> Iterator[slice]:
    """From start to stop, in that namespace's pieces."""
    return cut(start, stop, PIECE[xp.__name__])


def cut(start: int, stop: int, length: int) -> Iterator[slice]:
    """From start to stop, so many at a time."""
    return (slice(each, min(each + length, stop)) for each in range(start, stop, length))


def table(xp: Any, rows: int, size: int) -> Any:
    """Zeros, a column for each piece of that many elements, to be filled and then fetched."""
    return xp.zeros((rows, -(-size // PIECE[xp.__name__])))


def fetch(array: Any) -> Any:
    """The same array on the host. From a GPU, one synchronisation."""
    return array if namespace(array) is np else array.get()


def gather(values: Sequence[Any]) -> list[Any]:
    """Arrays of one value and of one dtype, as numbers. From a GPU, one synchronisation."""
    xp = namespace(values[0])
    return list(values) if xp is np else list(xp.stack(values).get())


def items(raw: Bytes, item_bytes: int) -> Any:
    """The elements as unsigned integers of that many bytes: bits, whatever they stand for."""
    return raw.view(f"u{item_bytes}")


def same(left: Bytes, right: Bytes) -> Any:
    """Whether all bytes (one at least) are equal; on a GPU, which is not waited for, an array.

    On a host nothing is read after a piece that differs.
    """
    xp = namespace(left)
    word_bytes = gcd(left.size, 8)
    left, right = items(left, word_bytes), items(right, word_bytes)
    found = ((left[piece] == right[piece]).all() for piece in pieces(xp, left.size))
    return all(found) if xp is np else xp.stack(list(found)).all()


def hashes(raw: Bytes) -> Any:
    """On the host, two 64-bit hashes for each 8 MiB; different bytes share them once in 2**64.

    UMAC's NH with Toeplitz keys (Black and others, 1999): sums of products of 32-bit halves, to
    each of which its own key is added. The keys are no secret.
    """
    xp = namespace(raw)
    places = list(cut(0, raw.size, 8 * _HASHED_WORDS))
    found = xp.zeros((len(places), 2), dtype=np.uint64)
    for row, place in enumerate(places):
        words = _whole_words(raw[place])
        for shift in (0, 1):
            keyed = words + _keys(xp)[shift : shift + len(words)]  # wraps
            found[row, shift] = xp.multiply(keyed[:, 0], keyed[:, 1], dtype=np.uint64).sum()
    return fetch(found)


def _whole_words(raw: Bytes) -> Any:
    """Pairs of 32 bits; zeros fill the last."""
    if raw.size % 8:
        padded = namespace(raw).zeros(-(-raw.size // 8) * 8, dtype=np.uint8)
        padded[: raw.size] = raw
        raw = padded
    return raw.view(np.uint32).reshape(-1, 2)


@cache
def _keys(xp: Any) -> Any:
    random = np.random.default_rng(0)  # a digest has to come out the same in a replay
    return xp.asarray(random.integers(0, 1 << 32, (_HASHED_WORDS + 1, 2), dtype=np.uint32))
