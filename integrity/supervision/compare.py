"""The checker: is an output right, and how far off is it?

Error-scaled (docs/supervision.md): an element may differ from the widest-dtype reference r by
``tolerance * (|r| + rms(r)) + ROUNDING * max|r_native - r|``, so that neither tiny outputs pass
for nothing nor honest rounding in long sums fails.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from integrity.policy import Precision
from integrity.run import Check
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


@dataclass(frozen=True, slots=True)
class Answer:
    """What the oracle says the outputs for some inputs are."""

    native: tuple[tuple[Tensor, Bytes], ...]
    """The reference in its own dtype; its shapes and dtypes are the contract."""

    wide: tuple[Floats, ...]
    """The same in the widest dtype that the reference runs in."""


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


def mismatches(
    output: Floats, native: Floats, wide: Floats, tolerance: float
) -> npt.NDArray[np.bool_]:
    """Which elements of a floating-point output are outside the tolerance."""
    finite = np.isfinite(native) & np.isfinite(wide)
    rounding = _max(np.abs(native - wide)[finite])
    allowed = tolerance * (np.abs(wide) + _rms(wide[finite])) + ROUNDING * rounding
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(output - wide) <= allowed)
    # Where the reference overflows, the same infinity or NaN is right and so is nothing else.
    agrees = (output == native) | (np.isnan(output) & np.isnan(native))
    return np.asarray(np.where(finite, wrong, ~agrees), dtype=bool)


def relative_error(values: Floats, wide: Floats) -> float:
    """RMS of the difference over RMS of the reference; infinite where values are not finite."""
    finite = np.isfinite(wide)
    if not finite.any():
        return 0.0
    difference = values[finite] - wide[finite]
    if not np.isfinite(difference).all():
        return float("inf")
    return _rms(difference) / max(_rms(wide[finite]), np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One call's outputs against the oracle's, all tensors taken together."""

    mismatched_share: float
    error: float
    reference_error: float
    constant: bool

    def as_check(self, **more: float | str | int | None) -> Check:
        """The same as a word of the record."""
        return Check(
            mismatched_share=self.mismatched_share,
            error=self.error,
            reference_error=self.reference_error,
            constant=self.constant,
            **more,  # type: ignore[arg-type]
        )


def compare(outputs: list[Bytes], answer: Answer, precision: Precision) -> Comparison:
    """Compare every element of every output tensor."""
    wrong = total = 0
    errors, rounding, constant = [0.0], [0.0], []
    for raw, (tensor, native_raw), wide in zip(outputs, answer.native, answer.wide, strict=True):
        output, native = decode(tensor, raw), decode(tensor, native_raw)
        tolerance = tolerance_of(tensor.dtype, precision)
        if tolerance == 0.0:  # integers are exact, and too large for float64 to tell apart
            bad = raw.view(tensor.dtype) != native_raw.view(tensor.dtype)
        else:
            bad = mismatches(output, native, wide, tolerance)
        wrong, total = wrong + int(bad.sum()), total + bad.size
        errors.append(relative_error(output, wide))
        rounding.append(relative_error(native, wide))
        constant.append(_is_constant(output) and not _is_constant(native))
    share = wrong / total if total else 0.0
    return Comparison(share, max(errors), max(rounding), bool(constant) and all(constant))


def _is_constant(values: Floats) -> bool:
    return values.size > 1 and bool((values == values[0]).all() or np.isnan(values).all())


def _rms(values: Floats) -> float:
    scale = _max(np.abs(values))
    if scale == 0.0:
        return 0.0
    return scale * float(np.sqrt(np.mean(np.square(values / scale))))


def _max(values: Floats) -> float:
    return float(values.max()) if values.size else 0.0
