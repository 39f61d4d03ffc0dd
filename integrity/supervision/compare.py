"""The checker: is an output right, and how far off is it?

Error-scaled (docs/supervision.md): an element may differ from the widest-dtype reference r by
``tolerance * (|r| + rms(r)) + ROUNDING * max|r_native - r|``, so that neither tiny outputs pass
for nothing nor honest rounding in long sums fails.

Outputs, and answers with them, may lie on the host or on a GPU (`arrays`).
"""

import hashlib
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from integrity.policy import Precision
from integrity.supervision.arrays import (
    Bytes,
    Floats,
    fetch,
    gather,
    hashes,
    items,
    namespace,
    pieces,
    same,
    table,
)
from integrity.supervision.memory import ITEM_BYTES, Tensor

Wide = Floats | tuple[Tensor, Bytes]
"""A reference's output in its widest dtype: as float64, or as it came, to be decoded in pieces."""

ROUNDING = 8.0
"""How many times the reference's own rounding error an honest reordering may cost."""

TOLERANCE = {
    "float64": 1e-7,
    "float32": 1e-4,  # KernelBench, get_tolerance_for_precision
    "float16": 1e-2,
    "bfloat16": 2e-2,
    "float8_e4m3fn": 0.13,  # two units in the last place: 3 and 2 bits of mantissa
    "float8_e5m2": 0.26,
}
_PERMITTED = {
    Precision.REFERENCE: 0.0,
    Precision.TF32: 2e-3,
    Precision.FP16: 1e-2,
    Precision.BF16: 2e-2,
}
"""What a policy's lower precision adds to float32: about four units in its last place."""

_FIRST = 64  # where elements differ at all, they mostly differ at once


def decode(tensor: Tensor, raw: Bytes) -> Floats:
    """The elements as float64, flat; a copy."""
    with np.errstate(invalid="ignore"):  # poison may be a signalling NaN
        return exact(tensor, raw).astype(np.float64)  # type: ignore[no-any-return]


def exact(tensor: Tensor, raw: Bytes) -> Any:
    """The elements in a dtype that holds them and can be reckoned with; a view where it can be."""
    match tensor.dtype:
        case "bfloat16":
            return (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        case "float8_e4m3fn":
            return e4m3(namespace(raw)).take(raw)
        case "float8_e5m2":
            return (raw.astype(np.uint16) << 8).view(np.float16)
        case "bool":
            return (raw != 0).view(np.uint8)
        case dtype:
            return raw.view(dtype)


@cache
def e4m3(xp: Any) -> Any:
    """What each code of E4M3 stands for. An index and its table must lie on the same device."""
    code = np.arange(256)
    sign = np.where(code & 0x80, -1.0, 1.0)
    exponent, mantissa = (code >> 3) & 15, code & 7
    normal = (1 + mantissa / 8) * 2.0 ** (exponent - 7)
    values = sign * np.where(exponent == 0, mantissa / 8 * 2.0**-6, normal)
    values[[0x7F, 0xFF]] = np.nan
    return xp.asarray(values)


def part(tensor: Tensor, raw: Bytes, piece: slice) -> Bytes:
    """The bytes of these elements."""
    item_bytes = ITEM_BYTES[tensor.dtype]
    return raw[piece.start * item_bytes : piece.stop * item_bytes]


def tolerance_of(dtype: str, precision: Precision = Precision.REFERENCE) -> float:
    """Relative tolerance for outputs of that dtype; 0 for integers, which are exact."""
    base = TOLERANCE.get(dtype, 0.0)
    return max(base, _PERMITTED[precision]) if dtype == "float32" else base


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What one output tensor has to be, and how far it may be off; used by every role.

    Takes no memory of its own: how far an element may be off is reckoned when it is measured.
    """

    tensor: Tensor
    native_raw: Bytes
    wide: Wide
    tolerance: float
    """Deviation allowed for each element, relative to it; 0 where it has to be exact."""

    floor: float
    """Absolute deviation allowed for every element beside that."""

    odd: int
    """Elements where the reference itself is not finite."""

    rms: float
    native_error: float
    varies: bool

    @classmethod
    def of(cls, tensor: Tensor, raw: Bytes, wide: Wide, precision: Precision) -> "Yardstick":
        """From the reference's output in its own dtype and in the widest."""
        tolerance = tolerance_of(tensor.dtype, precision)
        size = raw.size // ITEM_BYTES[tensor.dtype]
        worst, off_squares, squares, finite, alike = _survey(tensor, raw, wide)
        odd = size - int(finite.sum())
        rms = _rms(squares, size - odd)
        floor = tolerance * rms + ROUNDING * float(worst.max(initial=0.0))
        error = _ratio(_rms(off_squares, size), rms)
        varies = not 1 < int(alike.sum()) == size
        return cls(tensor, raw, wide, tolerance, floor, odd, rms, error, varies)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.native_raw.size // ITEM_BYTES[self.tensor.dtype]

    def wide_values(self, piece: slice) -> Any:
        """These elements of the widest reference, to be read only."""
        return _wide_values(self.wide, piece)

    def measure(self, raw: Bytes) -> tuple[int, float, bool]:
        """Elements that are wrong, relative error, and whether they all have one value.

        Two synchronisations with a GPU; one where the bytes are the reference's own.
        """
        if not self.size:
            return 0, self.native_error, False
        equal, uniform = self._glance(raw)
        if equal:
            return 0, self.native_error, not self.varies
        xp = namespace(raw)
        found = table(xp, 3, self.size)
        with np.errstate(invalid="ignore", over="ignore"):
            for column, piece in enumerate(pieces(xp, self.size)):
                found[0, column], found[1, column] = self._right(raw, piece)
                if uniform:
                    found[2, column] = _alike(self.tensor, raw, piece)
        right, squares, alike = fetch(found)
        error = _ratio(_rms(squares, self.size), self.rms)
        return self.size - int(right.sum()), error, 1 < int(alike.sum()) == self.size

    def _glance(self, raw: Bytes) -> tuple[bool, bool]:
        """Whether it is the reference's own bytes, and whether it begins with one value only."""
        numbers = items(raw, ITEM_BYTES[self.tensor.dtype])
        begins_uniform = (numbers[:_FIRST] == numbers[:1]).all()
        equal, uniform = gather([same(raw, self.native_raw), begins_uniform])
        return bool(equal), bool(uniform)

    def _right(self, raw: Bytes, piece: slice) -> tuple[Any, Any]:
        """How many elements of the piece are right, and the sum of their squared deviations."""
        xp = namespace(raw)
        here, own = part(self.tensor, raw, piece), part(self.tensor, self.native_raw, piece)
        if not self.tolerance:
            item_bytes = ITEM_BYTES[self.tensor.dtype]
            return xp.count_nonzero(items(here, item_bytes) == items(own, item_bytes)), 0.0
        wide = self.wide_values(piece)
        output = exact(self.tensor, here)
        off = output - wide
        xp.abs(off, out=off)
        allowed = xp.abs(wide)
        allowed *= self.tolerance
        allowed += self.floor
        right = off <= allowed
        if self.odd:
            right, off = _settle_odd(output, exact(self.tensor, own), wide, right, off)
        xp.multiply(off, off, out=off)
        return xp.count_nonzero(right), off.sum()


def _settle_odd(output: Any, native: Any, wide: Any, right: Any, off: Any) -> tuple[Any, Any]:
    """Where the reference overflows, the same infinity or a NaN for a NaN is right."""
    xp = namespace(off)
    odd = ~xp.isfinite(native - wide)
    agrees = (output == native) | (xp.isnan(output) & xp.isnan(native))
    return xp.where(odd, agrees, right), xp.where(odd, 0.0, off)


def _survey(tensor: Tensor, raw: Bytes, wide: Wide) -> Any:
    """For each piece of the finite elements: the largest deviation of the reference in its own
    dtype, the sum of their squares, the sum of the squared values and their number; and of all
    elements, how many equal the first."""
    xp = namespace(raw)
    size = raw.size // ITEM_BYTES[tensor.dtype]
    found = table(xp, 5, size)
    with np.errstate(invalid="ignore", over="ignore"):
        for column, piece in enumerate(pieces(xp, size)):
            values = _wide_values(wide, piece)
            off = exact(tensor, part(tensor, raw, piece)) - values
            xp.abs(off, out=off)
            finite = xp.isfinite(off)
            off, values = (xp.where(finite, each, 0.0) for each in (off, values))
            found[0, column], found[3, column] = off.max(), xp.count_nonzero(finite)
            found[1, column], found[2, column] = (_squares(each) for each in (off, values))
            found[4, column] = _alike(tensor, raw, piece)
    return fetch(found)


def _squares(values: Any) -> Any:
    return (values * values).sum()


def _wide_values(wide: Wide, piece: slice) -> Any:
    if isinstance(wide, tuple):
        tensor, raw = wide
        return exact(tensor, part(tensor, raw, piece)).astype(np.float64, copy=False)
    return wide[piece]


def _alike(tensor: Tensor, raw: Bytes, piece: slice) -> Any:
    """How many elements of the piece have the same bits as the tensor's first."""
    numbers = items(raw, ITEM_BYTES[tensor.dtype])
    return namespace(raw).count_nonzero(numbers[piece] == numbers[:1])


@dataclass(frozen=True)
class Answer:
    """What the oracle says the outputs for some inputs are; one yardstick a tensor."""

    yardsticks: tuple[Yardstick, ...]
    draws: tuple[tuple[Bytes, ...], ...] = ()
    """Several samples of the outputs, where the reference answers equal inputs differently."""

    @property
    def native(self) -> list[Bytes]:
        """The reference's own output bytes."""
        return [yardstick.native_raw for yardstick in self.yardsticks]

    @cached_property
    def digest(self) -> str:
        """Of these bytes."""
        return digest_of(self.native)


def digest_of(raws: Sequence[Bytes]) -> str:
    """Equal bytes, equal digests; fast, and no defence against whoever looks for collisions.

    What lies on a GPU has other digests than the same bytes on the host.
    """
    return "".join(_digest(raw) for raw in raws)


def _digest(raw: Bytes) -> str:
    if namespace(raw) is np:
        return f"{zlib.crc32(raw.data):08x}{zlib.adler32(raw.data):08x}"
    hashed = raw.size.to_bytes(8) + hashes(raw).tobytes()
    return hashlib.blake2b(hashed, digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Comparison:
    """One call's outputs against the oracle's, all tensors taken together."""

    mismatched_share: float
    error: float
    reference_error: float
    constant: bool


def compare(outputs: list[Bytes], answer: Answer) -> Comparison:
    """Compare every element of every output tensor."""
    wrong = total = 0
    errors, rounding, constant = [0.0], [0.0], []
    for raw, yardstick in zip(outputs, answer.yardsticks, strict=True):
        if yardstick.size == 0:
            continue
        bad, error, same_value = yardstick.measure(raw)
        wrong, total = wrong + bad, total + yardstick.size
        errors.append(error)
        rounding.append(yardstick.native_error)
        constant.append(same_value and yardstick.varies)
    share = wrong / total if total else 0.0
    return Comparison(share, max(errors), max(rounding), bool(constant) and all(constant))


def _rms(squares: Floats, count: int) -> float:
    """From the pieces' sums of squares."""
    return math.sqrt(float(squares.sum()) / count) if count else 0.0


def _ratio(part: float, whole: float) -> float:
    if not math.isfinite(part):
        return float("inf")
    return part / whole if whole > 0 else part
