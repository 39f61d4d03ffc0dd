"""Submissions that do no work, held against the problem's own tolerance (probe T13)."""

import contextlib
from collections.abc import Sequence

import numpy as np

from integrity.problem import Problem
from integrity.run import Call
from integrity.supervision.compare import TOLERANCE, Answer, Yardstick, decode
from integrity.supervision.jitter import encode, is_floating
from integrity.supervision.memory import Bytes
from integrity.supervision.oracle import Oracle
from integrity.supervision.workers import WorkerRaised


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
        answers.add(b"".join(raw.tobytes() for raw in answer.native))
        for name, outputs in _trivial(oracle, raws, answer).items():
            share = _refused_share(oracle, problem, raws, answer, outputs)
            refused[name] = max(share, refused.get(name, 0.0))
    facts: dict[str, float | str] = {f"{name}_refused_share": s for name, s in refused.items()}
    return facts | {"distinct_answers": float(len(answers)), "draws": float(len(calls))}


def _trivial(oracle: Oracle, raws: Sequence[Bytes], answer: Answer) -> dict[str, list[Bytes]]:
    found = {
        "zeros": [np.zeros_like(raw) for raw in answer.native],
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
    if not is_floating(yardstick.tensor) or not yardstick.wide.size:
        return np.zeros_like(yardstick.native_raw)
    return encode(yardstick.tensor, np.full(yardstick.wide.size, yardstick.wide.mean()))


def _refused_share(
    oracle: Oracle, problem: Problem, raws: Sequence[Bytes], answer: Answer, outputs: list[Bytes]
) -> float:
    if problem.check:
        return 1.0 if oracle.refusal(raws, outputs) else 0.0
    shares = [0.0]
    for raw, yardstick in zip(outputs, answer.yardsticks, strict=True):
        if raw.size != yardstick.native_raw.size or not yardstick.wide.size:
            continue
        tolerance = TOLERANCE.get(yardstick.tensor.dtype, 0.0)
        native = decode(yardstick.tensor, yardstick.native_raw)
        output = decode(yardstick.tensor, raw)
        with np.errstate(invalid="ignore"):
            close = np.isclose(output, native, rtol=tolerance, atol=tolerance, equal_nan=True)
        shares.append(float(1 - close.mean()))
    return max(shares)
