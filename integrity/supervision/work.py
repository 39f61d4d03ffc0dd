"""What one call of a problem takes, asked of the worker that runs the problem's own code."""

import contextlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from integrity.errors import CannotJudge
from integrity.floors import Work, share_at_least
from integrity.supervision.endings import WorkerRaised
from integrity.supervision.oracle import Oracle

_BUDGET_S = 0.25
_MOST_NAMES = 20


def work_facts(oracle: Oracle) -> dict[str, float | str]:
    """The work of one call, for a run's facts; none where the reference can't be watched."""
    with contextlib.suppress(CannotJudge, WorkerRaised, KeyError, TypeError, ValueError):
        return _parse(oracle.work(_BUDGET_S), oracle).as_facts()
    return {}


def _parse(told: Mapping[str, Any], oracle: Oracle) -> Work:
    """A hostile problem may say what it likes: what it says is at most what its tensors hold."""
    inputs = [_sampled(one) for one in told["inputs"]]
    most_in, most_out = (
        float(sum(tensor.size_bytes for tensor in each)) for each in (oracle.inputs, oracle.outputs)
    )
    samples, hits = sum(n for _, _, n in inputs), sum(hits for _, hits, _ in inputs)
    flops, products = (
        {str(dtype): _amount(count) for dtype, count in told[name].items()}
        if hits or not samples
        else {}  # an answer that follows no input takes no arithmetic
        for name in ("flops", "products")
    )
    return Work(
        read_bytes=min(most_in, sum(b * hits / max(n, 1) for b, hits, n in inputs)),
        proven_bytes=min(most_in, sum(b * share_at_least(hits, n) for b, hits, n in inputs)),
        written_bytes=min(most_out, _amount(told["written_bytes"])),
        computed=told["computed"] is True,
        flops=flops,
        products=products,
        uncounted=_names(told["uncounted"]),
        doubted=_names(told["doubted"]),
    )


def _sampled(told: Sequence[Any]) -> tuple[float, int, int]:
    size, hits, samples = told
    if not 0 <= int(hits) <= int(samples) <= 1000:
        raise ValueError(f"{hits} of {samples} samples")
    return _amount(size), int(hits), int(samples)


def _amount(told: Any) -> float:
    number = float(told)
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"an amount of {told}")
    return number


def _names(told: Sequence[Any]) -> tuple[str, ...]:
    names = ("".join(filter(_is_plain, str(name)[:40])) for name in told[:_MOST_NAMES])
    return tuple(filter(None, names))


def _is_plain(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character in "_.")
