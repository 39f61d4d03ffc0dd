"""Submissions that do no work, held against the problem's own tolerance (probe T13)."""

import contextlib
from collections.abc import Sequence

import numpy as np

from integrity.problem import Problem
from integrity.run import Call
from integrity.supervision.arrays import Bytes, fetch, items, namespace, pieces, table
from integrity.supervision.compare import TOLERANCE, Answer, Yardstick, decode, part
from integrity.supervision.endings import WorkerRaised
from integrity.supervision.jitter import encode, is_floating
from integrity.supervision.memory import ITEM_BYTES
from integrity.supervision.oracle import Oracle


def trivial_facts(
    oracle: Oracle, calls: Sequence[Call], problem: Problem
) -> dict[str, float | str]:
    """For each trivial submission the largest share of elements that the harness would refuse.

    `zeros_refused_share` 0 means that returning zeros passes. `distinct_answers` counts how many
    different outputs the reference gave for the calls' different inputs.
    """
    refused: dict[str, float] = {}
    answers = set()
    for call in calls:
        raws = oracle.inputs_for(call.inputs[0])
        answer = oracle.answer(call.inputs[0], raws)
        answers.add(answer.digest)
        for name, outputs in _trivial(oracle, raws, answer).items():
            share = _refused_share(oracle, problem, raws, answer, outputs)
            refused[name] = max(share, refused.get(name, 0.0))
    facts: dict[str, float | str] = {f"{name}_refused_share": s for name, s in refused.items()}
    return facts | {"distinct_answers": float(len(answers)), "draws": float(len(calls))}


def _trivial(oracle: Oracle, raws: Sequence[Bytes], answer: Answer) -> dict[str, list[Bytes]]:
    found = {
        "zeros": [namespace(raw).zeros_like(raw) for raw in answer.native],
        "mean": [_mean(yardstick) for yardstick in answer.yardsticks],
    }
    if len(answer.yardsticks) == 1:
        wanted = answer.yardsticks[0].tensor
        for tensor, raw in zip(oracle.inputs, raws, strict=True):
            if (tensor.shape, tensor.dtype) == (wanted.shape, wanted.dtype):
                found["copy"] = [raw]
    with contextlib.suppress(WorkerRaised):  # a reference may have no half-precision twin
        found["half"] = oracle.half(raws)
    return found


def _mean(yardstick: Yardstick) -> Bytes:
    """The mean of the widest reference, everywhere."""
    xp = namespace(yardstick.native_raw)
    filled = xp.zeros_like(yardstick.native_raw)
    if is_floating(yardstick.tensor) and yardstick.size:
        item_bytes = ITEM_BYTES[yardstick.tensor.dtype]
        mean = encode(yardstick.tensor, np.asarray([_mean_value(yardstick)]))
        items(filled, item_bytes)[:] = xp.asarray(items(mean, item_bytes))
    return filled  # type: ignore[no-any-return]


def _mean_value(yardstick: Yardstick) -> float:
    xp = namespace(yardstick.native_raw)
    sums = table(xp, 1, yardstick.size)
    for column, piece in enumerate(pieces(xp, yardstick.size)):
        sums[0, column] = yardstick.wide_values(piece).sum()
    return float(fetch(sums).sum()) / yardstick.size


def _refused_share(
    oracle: Oracle, problem: Problem, raws: Sequence[Bytes], answer: Answer, outputs: list[Bytes]
) -> float:
    if problem.check:
        return 1.0 if oracle.refusal(raws, outputs) else 0.0
    return max(
        (
            _far_share(raw, yardstick)
            for raw, yardstick in zip(outputs, answer.yardsticks, strict=True)
            if raw.size == yardstick.native_raw.size and yardstick.size
        ),
        default=0.0,
    )


def _far_share(raw: Bytes, yardstick: Yardstick) -> float:
    """Share of elements that are not close to the reference's in its own dtype."""
    xp, tensor = namespace(raw), yardstick.tensor
    tolerance = TOLERANCE.get(tensor.dtype, 0.0)
    close = table(xp, 1, yardstick.size)
    for column, piece in enumerate(pieces(xp, yardstick.size)):
        output, native = (
            decode(tensor, part(tensor, each, piece)) for each in (raw, yardstick.native_raw)
        )
        with np.errstate(invalid="ignore"):
            near = xp.isclose(output, native, rtol=tolerance, atol=tolerance, equal_nan=True)
        close[0, column] = xp.count_nonzero(near)
    return 1 - float(fetch(close).sum()) / yardstick.size
