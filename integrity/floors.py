"""What a call can't be faster than: the work of a problem over the peaks of a device.

A floor is a lower bound: what is not known costs nothing. docs/floors.md derives every term.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import comb

from integrity.peaks import Peaks, Rates
from integrity.policy import Precision

_SURELY = 0.999
_FACTORS = 3
"""Three bfloat16 products give one of nearly float32's accuracy: the cheapest honest way there."""


class Bound(StrEnum):
    """What a floor is made of."""

    MEMORY = "memory"
    COMPUTE = "compute"
    LAUNCH = "launch"


@dataclass(frozen=True, slots=True)
class Work:
    """What one call of a problem takes, as the oracle derived it from the reference."""

    read_bytes: float = 0.0
    """Of the inputs, as much as the answer depends on, by a sample of their elements."""

    proven_bytes: float = 0.0
    """The same at the low end of its 99.9 % interval."""

    written_bytes: float = 0.0
    """Of the outputs, each element once."""

    computed: bool = False
    """Whether every output is made of numbers that are in no input: none can be a mere view."""

    flops: Mapping[str, float] = field(default_factory=dict)
    """By dtype; without those whose results the reference throws away or only adds up."""

    products: Mapping[str, float] = field(default_factory=dict)
    """Of these the matrix products, convolutions and attention: the rest folds and fuses."""

    uncounted: tuple[str, ...] = ()
    """Operators that no rule knows the cost of: they cost nothing here."""

    doubted: tuple[str, ...] = ()
    """Operators that discard or collapse what others computed; those were not counted."""

    def as_facts(self) -> dict[str, float | str]:
        """As a run notes them; `of_facts` is the way back."""
        return {
            "work_read_bytes": self.read_bytes,
            "work_proven_bytes": self.proven_bytes,
            "work_written_bytes": self.written_bytes,
            "work_computed": float(self.computed),
            "work_uncounted": ",".join(self.uncounted),
            "work_doubted": ",".join(self.doubted),
            **{f"{_FLOPS}{dtype}": count for dtype, count in self.flops.items()},
            **{f"{_PRODUCTS}{dtype}": count for dtype, count in self.products.items()},
        }

    @classmethod
    def of_facts(cls, facts: Mapping[str, float | str]) -> "Work | None":
        """None where none was noted: recorded by an older version, or not derivable."""
        if "work_read_bytes" not in facts:
            return None
        read, proven, written = (
            float(facts[f"work_{name}_bytes"]) for name in ("read", "proven", "written")
        )
        uncounted, doubted = (
            tuple(filter(None, str(facts[f"work_{name}"]).split(",")))
            for name in ("uncounted", "doubted")
        )
        flops, products = (
            {k.removeprefix(start): float(v) for k, v in facts.items() if k.startswith(start)}
            for start in (_FLOPS, _PRODUCTS)
        )
        computed = bool(facts["work_computed"])
        return cls(read, proven, written, computed, flops, products, uncounted, doubted)


_FLOPS, _PRODUCTS = "work_flops_", "work_products_"


@dataclass(frozen=True, slots=True)
class Floor:
    """The time below which a call can't be, and what it rests on."""

    bound: Bound
    us: float


def roofline(work: Work, peaks: Peaks, precision: Precision = Precision.REFERENCE) -> Floor:
    """What the device's peaks allow one call: the slowest of memory, arithmetic and one launch."""
    rates = peaks.reached
    memory = _memory_us(work.read_bytes, work.written_bytes, rates, peaks)
    compute = _compute_us(work.flops, rates, _named(precision))
    return max(
        Floor(Bound.LAUNCH, rates.launch_us),
        Floor(Bound.MEMORY, memory),
        Floor(Bound.COMPUTE, compute),
        key=lambda floor: floor.us,
    )


def memory_floor(work: Work, peaks: Peaks) -> Floor:
    """What no calibrated time is below, by bytes alone; 0 where a view could be the answer.

    On a GPU, where the answer can be a view of an input, nothing has to be moved.
    """
    read, written = (work.proven_bytes, work.written_bytes) if work.computed else (0.0, 0.0)
    return Floor(Bound.MEMORY, _memory_us(read, written, peaks.ceiling, peaks))


def compute_floor(work: Work, peaks: Peaks, precision: Precision = Precision.REFERENCE) -> Floor:
    """What no calibrated time is below, if the reference's products are the least there is.

    Often it is not: algebra, sparsity and Strassen do with less. float32 is counted at the rate of
    its cheapest emulation.
    """
    rates = peaks.ceiling
    named = _named(precision)
    emulated = rates.flops_per_s.get("bfloat16", 0.0) / _FACTORS
    fastest = max(emulated, *(rates.flops_per_s.get(dtype, 0.0) for dtype in ("float32", named)))
    flops = {**rates.flops_per_s, "float32": fastest}
    return Floor(Bound.COMPUTE, _compute_us(work.products, Rates(flops_per_s=flops), "float32"))


def window_floor(work: Work, peaks: Peaks, width: int) -> Floor:
    """What no window of so many calls is below, for each of them.

    From the gate to done nothing is taken off. Each call has inputs of its own, and has to leave
    its outputs in memory of the supervisor's; only as much of all that as fits a cache may still
    be there.
    """
    read, written = width * work.proven_bytes, width * work.written_bytes
    return Floor(Bound.MEMORY, _memory_us(read, written, peaks.limit, peaks) / width)


def _memory_us(read: float, written: float, rates: Rates, peaks: Peaks) -> float:
    """Cold inputs come from memory and outputs go there, but for what the cache holds back. Warm
    ones come through the cache, but for what does not fit it."""
    if peaks.cold:
        return _us(read + max(0.0, written - peaks.cache_bytes), rates.dram_bytes_per_s)
    past_cache = _us(max(0.0, read - peaks.cache_bytes), rates.dram_bytes_per_s)
    return max(past_cache, _us(max(read, written), rates.cache_bytes_per_s))


def _compute_us(flops: Mapping[str, float], rates: Rates, float32: str) -> float:
    """Arithmetic of every dtype one after another; what has no rate costs nothing."""
    names = {"float32": float32}
    return sum(
        _us(count, rates.flops_per_s.get(names.get(dtype, dtype), 0.0))
        for dtype, count in flops.items()
    )


def _us(amount: float, rate: float) -> float:
    return amount / rate * 1e6 if rate else 0.0


def _named(precision: Precision) -> str:
    """The dtype that the policy lets float32 be computed in."""
    return {Precision.TF32: "tf32", Precision.FP16: "float16", Precision.BF16: "bfloat16"}.get(
        precision, "float32"
    )


def share_at_least(hits: int, samples: int) -> float:
    """The low end of the 99.9 % interval of a share of which so many samples were hits.

    Clopper and Pearson, one-sided: the share at which so many hits or more have a probability of
    0.1 %.
    """
    if hits == 0:
        return 0.0
    low, high = 0.0, hits / samples
    for _ in range(50):
        middle = (low + high) / 2
        tail = sum(
            comb(samples, k) * middle**k * (1 - middle) ** (samples - k)
            for k in range(hits, samples + 1)
        )
        low, high = (middle, high) if tail < 1 - _SURELY else (low, middle)
    return low
