"""Distribution jitter: other values that the same kernel has to get right (probe C5)."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from integrity.supervision.compare import decode
from integrity.supervision.memory import Bytes, Tensor

Floats = npt.NDArray[np.float64]
_FLOATING = {"float64", "float32", "float16", "bfloat16"}


def _heavy_tails(values: Floats, random: np.random.Generator) -> Floats:
    spiked = values.copy()
    spiked[random.integers(0, values.size, 1 + values.size // 1000)] *= 64
    return spiked


def _sparse(values: Floats, random: np.random.Generator) -> Floats:
    return np.where(random.random(values.size) < 0.9, 0.0, values)


def _clustered(values: Floats, random: np.random.Generator) -> Floats:
    """Nearly equal large values: sums cancel, maxima tie."""
    return 8 + values * 2.0**-10


def _signs(values: Floats, random: np.random.Generator) -> Floats:
    return np.asarray(values * random.choice([-1.0, 1.0], values.size))


JITTERS: dict[str, Callable[[Floats, np.random.Generator], Floats]] = {
    "scale-up": lambda values, random: values * 2.0**6,
    "scale-down": lambda values, random: values * 2.0**-6,
    "signs": _signs,
    "sparse": _sparse,
    "heavy-tails": _heavy_tails,
    "clustered": _clustered,
    "permuted": lambda values, random: random.permutation(values),
    "zeros": lambda values, random: np.zeros_like(values),
    "ones": lambda values, random: np.ones_like(values),
}


def is_floating(tensor: Tensor) -> bool:
    """Whether its values can be jittered at all."""
    return tensor.dtype in _FLOATING


def jitter(tensors: Sequence[Tensor], raws: Sequence[Bytes], kind: str, seed: int) -> list[Bytes]:
    """The inputs with every floating-point tensor jittered; integers stay (they may be indices)."""
    random = np.random.default_rng(seed)
    return [
        encode(tensor, JITTERS[kind](decode(tensor, raw), random))
        if is_floating(tensor) and raw.size
        else raw
        for tensor, raw in zip(tensors, raws, strict=True)
    ]


def perturb(tensor: Tensor, raw: Bytes, region: int, regions: int) -> Bytes:
    """Change one of `regions` equal parts of a floating-point tensor, clearly."""
    if not is_floating(tensor) or raw.size == 0:
        return raw
    values = decode(tensor, raw)
    start, end = (len(values) * edge // regions for edge in (region, region + 1))
    scale = max(float(np.abs(values).max()), 1.0)
    values[start:end] = values[start:end] * -1.5 + 0.5 * scale
    return encode(tensor, values)


def encode(tensor: Tensor, values: Floats) -> Bytes:
    """Float64 back to the tensor's dtype, as bytes."""
    with np.errstate(over="ignore"):
        if tensor.dtype == "bfloat16":
            bits = values.astype(np.float32).view(np.uint32)
            rounded = bits + 0x7FFF + ((bits >> 16) & 1)
            return (rounded >> 16).astype(np.uint16).view(np.uint8)
        return values.astype(tensor.dtype).view(np.uint8)
