"""Distribution jitter: other values that the same kernel has to get right (probe C5)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np

from integrity.supervision.arrays import Bytes, Floats, gather, items, namespace, pieces
from integrity.supervision.compare import decode, e4m3, part
from integrity.supervision.memory import ITEM_BYTES, Tensor

_FLOATING = {"float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"}


@dataclass(frozen=True, slots=True)
class Dice:
    """Randomness that replays from a seed. On the host both are one stream."""

    values: Any
    """On the tensors' device."""

    places: np.random.Generator
    """On the host: CuPy's integers end at 2**31, and tensors do not."""

    @classmethod
    def of(cls, xp: Any, seed: int) -> "Dice":
        """For arrays of that namespace."""
        values = xp.random.default_rng(seed)
        return cls(values, values if xp is np else np.random.default_rng(seed))


Jitter = Callable[[Tensor, Bytes, Dice], Bytes]


def _each(change: Callable[[Floats, Any], Floats]) -> Jitter:
    """A jitter of every element by itself, and so piece by piece."""

    def jittered(tensor: Tensor, raw: Bytes, dice: Dice) -> Bytes:
        result = namespace(raw).empty_like(raw)
        for piece in _pieces(tensor, raw):
            values = decode(tensor, part(tensor, raw, piece))
            part(tensor, result, piece)[:] = encode(tensor, change(values, dice.values))
        return result  # type: ignore[no-any-return]

    return jittered


def _sparse(values: Floats, random: Any) -> Floats:
    return namespace(values).where(random.random(values.size) < 0.9, 0.0, values)  # type: ignore[no-any-return]


def _clustered(values: Floats, random: Any) -> Floats:
    """Nearly equal large values: sums cancel, maxima tie."""
    return 8 + values * 2.0**-10


def _signs(values: Floats, random: Any) -> Floats:
    return values * (random.integers(0, 2, values.size) * 2.0 - 1.0)  # type: ignore[no-any-return]


def _heavy_tails(tensor: Tensor, raw: Bytes, dice: Dice) -> Bytes:
    spiked = raw.copy()
    numbers = items(spiked, ITEM_BYTES[tensor.dtype])
    drawn = dice.places.integers(0, numbers.size, 1 + numbers.size // 1000)
    places = namespace(raw).asarray(drawn)
    values = decode(tensor, numbers[places].view(np.uint8))
    numbers[places] = items(encode(tensor, values * 64), ITEM_BYTES[tensor.dtype])
    return spiked


def _permuted(tensor: Tensor, raw: Bytes, dice: Dice) -> Bytes:
    numbers = items(raw, ITEM_BYTES[tensor.dtype])
    if namespace(raw) is np:
        return dice.places.permutation(numbers).view(np.uint8)
    return scattered(numbers, dice.places).view(np.uint8)  # type: ignore[no-any-return]


def scattered(numbers: Any, random: np.random.Generator) -> Any:
    """Every element at another place, `stride` times its own and so on, round the end.

    A drawn permutation would have to be sorted on a GPU, in several times the tensor's memory.
    """
    xp, size = namespace(numbers), numbers.size
    stride, shift = 0, int(random.integers(0, size))
    while gcd(stride, size) != 1:
        stride = int(random.integers(1, min(size, 2**62 // size) + 1))  # times size, it fits
    result = xp.empty_like(numbers)
    for piece in pieces(xp, size):
        places = xp.arange(piece.start, piece.stop)
        places *= stride
        places += shift
        places %= size
        result[piece] = numbers[places]
    return result


JITTERS: dict[str, Jitter] = {
    "scale-up": _each(lambda values, random: values * 2.0**6),
    "scale-down": _each(lambda values, random: values * 2.0**-6),
    "signs": _each(_signs),
    "sparse": _each(_sparse),
    "heavy-tails": _heavy_tails,
    "clustered": _each(_clustered),
    "permuted": _permuted,
    "zeros": _each(lambda values, random: namespace(values).zeros_like(values)),
    "ones": _each(lambda values, random: namespace(values).ones_like(values)),
}


def is_floating(tensor: Tensor) -> bool:
    """Whether its values can be jittered at all."""
    return tensor.dtype in _FLOATING


def jitter(tensors: Sequence[Tensor], raws: Sequence[Bytes], kind: str, seed: int) -> list[Bytes]:
    """The inputs with every floating-point tensor jittered; integers stay (they may be indices)."""
    if not raws:
        return []
    dice = Dice.of(namespace(raws[0]), seed)
    return [
        JITTERS[kind](tensor, raw, dice) if is_floating(tensor) and raw.size else raw
        for tensor, raw in zip(tensors, raws, strict=True)
    ]


def perturb(tensor: Tensor, raw: Bytes, region: int, regions: int) -> Bytes:
    """Change one of `regions` equal parts of a floating-point tensor, clearly."""
    if not is_floating(tensor) or raw.size == 0:
        return raw
    size = raw.size // ITEM_BYTES[tensor.dtype]
    start, end = (size * edge // regions for edge in (region, region + 1))
    scale = max(_largest(tensor, raw), 1.0)
    changed = raw.copy()
    for piece in pieces(namespace(raw), end, start):
        values = decode(tensor, part(tensor, raw, piece))
        part(tensor, changed, piece)[:] = encode(tensor, values * -1.5 + 0.5 * scale)
    return changed


def _largest(tensor: Tensor, raw: Bytes) -> float:
    """The largest magnitude; NaN where there is a NaN."""
    xp = namespace(raw)
    found = [
        xp.abs(decode(tensor, part(tensor, raw, piece))).max() for piece in _pieces(tensor, raw)
    ]
    return float(np.max(gather(found)))


def _pieces(tensor: Tensor, raw: Bytes) -> Any:
    return pieces(namespace(raw), raw.size // ITEM_BYTES[tensor.dtype])


def encode(tensor: Tensor, values: Floats) -> Bytes:
    """Float64 back to the tensor's dtype, as bytes."""
    with np.errstate(over="ignore"):
        if tensor.dtype == "bfloat16":
            bits = values.astype(np.float32).view(np.uint32)
            rounded = bits + 0x7FFF + ((bits >> 16) & 1)
            return (rounded >> 16).astype(np.uint16).view(np.uint8)
        if tensor.dtype == "float8_e5m2":
            halves = values.astype(np.float16).view(np.uint16)
            return ((halves + 0x7F + ((halves >> 8) & 1)) >> 8).astype(np.uint8)
        if tensor.dtype == "float8_e4m3fn":
            return _e4m3_codes(values)
        return values.astype(tensor.dtype).view(np.uint8)


def _e4m3_codes(values: Floats) -> Bytes:
    """The nearest, at most 448: the format has no infinity. NaN is 0x7F."""
    xp = namespace(values)
    known = e4m3(xp)[:0x7F]
    between = (known[1:] + known[:-1]) / 2
    codes = xp.searchsorted(between, xp.abs(values)).astype(np.uint8)
    codes[xp.isnan(values)] = 0x7F
    return codes | (xp.signbit(values).astype(np.uint8) << 7)  # type: ignore[no-any-return]
