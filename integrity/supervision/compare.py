"""The checker: is an output right, and how far off is it?

Error-scaled (docs/supervision.md): an element may differ from the widest-dtype reference r by
``tolerance * (|r| + rms(r)) + ROUNDING * max|r_native - r|``, so that neither tiny outputs pass
for nothing nor honest rounding in long sums fails.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from integrity.policy import Precision
from integrity.supervision.memory import Bytes, Tensor

Floats = npt.NDArray[np.float64]

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


def decode(tensor: Tensor, raw: Bytes) -> Floats:
    """The elements as float64, flat."""
    match tensor.dtype:
        case "bfloat16":
            wide = raw.view(np.uint16).astype(np.uint32) << 16
            return wide.view(np.float32).astype(np.float64)
        case "float8_e4m3fn":
            return _E4M3[raw]
        case "float8_e5m2":
            return (raw.astype(np.uint16) << 8).view(np.float16).astype(np.float64)
        case "bool":
            return raw.astype(bool).astype(np.float64)
        case dtype:
            with np.errstate(invalid="ignore"):  # poison may be a signalling NaN
                return raw.view(dtype).astype(np.float64)


def _e4m3_table() -> Floats:
    code = np.arange(256)
    sign = np.where(code & 0x80, -1.0, 1.0)
    exponent, mantissa = (code >> 3) & 15, code & 7
    normal = (1 + mantissa / 8) * 2.0 ** (exponent - 7)
    table = sign * np.where(exponent == 0, mantissa / 8 * 2.0**-6, normal)
    table[[0x7F, 0xFF]] = np.nan
    return np.asarray(table, dtype=np.float64)


_E4M3 = _e4m3_table()


def tolerance_of(dtype: str, precision: Precision = Precision.REFERENCE) -> float:
    """Relative tolerance for outputs of that dtype; 0 for integers, which are exact."""
    base = TOLERANCE.get(dtype, 0.0)
    return max(base, _PERMITTED[precision]) if dtype == "float32" else base


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What one output tensor has to be, and how far it may be off; used by every role."""

    tensor: Tensor
    native_raw: Bytes
    wide: Floats
    allowed: Floats | None
    """Absolute deviation allowed for each element; None where it has to be exact."""

    odd: npt.NDArray[np.intp]
    """Elements where the reference itself is not finite."""

    rms: float
    native_error: float
    varies: bool

    @classmethod
    def of(cls, tensor: Tensor, raw: Bytes, wide: Floats, precision: Precision) -> "Yardstick":
        """From the reference's output in its own dtype and in the widest."""
        tolerance = tolerance_of(tensor.dtype, precision)
        native = decode(tensor, raw)
        with np.errstate(invalid="ignore", over="ignore"):
            off = np.abs(native - wide)
        odd = np.flatnonzero(~np.isfinite(off))
        if odd.size:
            off[odd] = 0.0
        rms = _rms(np.delete(wide, odd) if odd.size else wide)
        allowed = None
        if tolerance:
            allowed = tolerance * (np.abs(wide) + rms) + ROUNDING * _max(off)
        varies = not _is_constant(raw.reshape(-1, raw.size // max(wide.size, 1)))
        return cls(tensor, raw, wide, allowed, odd, rms, _ratio(_rms(off), rms), varies)

    def measure(self, raw: Bytes) -> tuple[int, float, bool]:
        """Elements that are wrong, relative error, and whether they all have one value."""
        if np.array_equal(raw, self.native_raw):
            return 0, self.native_error, not self.varies
        items = raw.reshape(-1, raw.size // self.wide.size)
        constant = _is_constant(items)
        if self.allowed is None:
            same = (items == self.native_raw.reshape(items.shape)).all(axis=1)
            return int((~same).sum()), 0.0, constant
        output = decode(self.tensor, raw)
        with np.errstate(invalid="ignore", over="ignore"):
            off = np.abs(output - self.wide)
            wrong = ~(off <= self.allowed)
        if self.odd.size:
            self._settle_odd(output, off, wrong)
        return int(wrong.sum()), _ratio(_rms(off), self.rms), constant

    def _settle_odd(self, output: Floats, off: Floats, wrong: npt.NDArray[np.bool_]) -> None:
        """Where the reference overflows, the same infinity or a NaN for a NaN is right."""
        native = decode(self.tensor, self.native_raw)[self.odd]
        here = output[self.odd]
        wrong[self.odd] = ~((here == native) | (np.isnan(here) & np.isnan(native)))
        off[self.odd] = 0.0


@dataclass(frozen=True)
class Answer:
    """What the oracle says the outputs for some inputs are; one yardstick a tensor."""

    yardsticks: tuple[Yardstick, ...]

    @property
    def native(self) -> list[Bytes]:
        """The reference's own output bytes."""
        return [yardstick.native_raw for yardstick in self.yardsticks]

    @cached_property
    def digest(self) -> str:
        """Of these bytes."""
        return digest_of(self.native)


def digest_of(raws: Sequence[Bytes]) -> str:
    """Equal bytes, equal digests; fast, and no defence against whoever looks for collisions."""
    return "".join(f"{zlib.crc32(raw.data):08x}{zlib.adler32(raw.data):08x}" for raw in raws)


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
        if yardstick.wide.size == 0:
            continue
        bad, error, same = yardstick.measure(raw)
        wrong, total = wrong + bad, total + yardstick.wide.size
        errors.append(error)
        rounding.append(yardstick.native_error)
        constant.append(same and yardstick.varies)
    share = wrong / total if total else 0.0
    return Comparison(share, max(errors), max(rounding), bool(constant) and all(constant))


def _is_constant(items: Bytes) -> bool:
    few = items[:64]  # where they differ at all, they mostly differ at once
    return len(items) > 1 and bool((few == items[0]).all() and (items == items[0]).all())


def _rms(values: Floats) -> float:
    if not values.size:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sqrt(np.dot(values, values) / values.size))


def _ratio(part: float, whole: float) -> float:
    if not np.isfinite(part):
        return float("inf")
    return part / whole if whole > 0 else part


def _max(values: Floats) -> float:
    return float(values.max()) if values.size else 0.0
