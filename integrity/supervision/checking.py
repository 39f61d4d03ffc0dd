"""Every output of every call against the reference, and against earlier answers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from integrity.run import CallResult, Check, Role
from integrity.supervision.backend import Device
from integrity.supervision.compare import Answer, compare, digest_of
from integrity.supervision.memory import Bytes
from integrity.supervision.oracle import Oracle
from integrity.supervision.sampling import p_value
from integrity.supervision.session import Turn

_EACH_CHECK = 8
"""Checks kept for each call of a window; the right ones of a wider window are folded into one."""

_PAST_BYTES = 512 * 2**20


class Checker:
    """One experiment's. `asks`: the problem has a check of its own, with the last word."""

    def __init__(self, device: Device, oracle: Oracle, asks: bool) -> None:
        self._device = device
        self._oracle = oracle
        self._asks = asks
        self._random = np.random.default_rng()
        self._past: list[tuple[int, Answer]] = []

    def judge(
        self,
        index: int,
        role: Role,
        turn: Turn,
        raws: Sequence[list[Bytes]],
        answers: Sequence[Answer],
    ) -> CallResult:
        """What came of one role's turn."""
        checks: tuple[Check, ...] = ()
        if role is not Role.NULL:
            checks = tuple(
                self._check(role, turn, number, raw, answer)
                for number, (raw, answer) in enumerate(zip(raws, answers, strict=True))
            )
            checks = checks if len(checks) <= _EACH_CHECK else _folded(checks)
        return CallResult(index, role, replace(turn.observed, checks=checks), turn.reported)

    def _check(
        self, role: Role, turn: Turn, number: int, raw: list[Bytes], answer: Answer
    ) -> Check:
        outputs = turn.outputs[number]
        if answer.draws:
            return self._sample(turn, number, answer)
        found = compare(outputs, answer)
        wrong = found.mismatched_share > 0
        asks = self._asks and wrong
        refused = self._oracle.refusal(raw, outputs) if asks else ""
        return Check(
            mismatched_share=found.mismatched_share,
            error=found.error,
            reference_error=found.reference_error,
            constant=found.constant,
            copies_input=wrong and self._copies(outputs[0], raw),
            matches_call=self._stale(outputs, answer) if wrong else None,
            digest=digest_of(outputs),
            reference_digest=answer.digest,
            refused=refused,
            accepted=asks and not refused,
        )

    def _sample(self, turn: Turn, number: int, answer: Answer) -> Check:
        """Where nothing is right or wrong element by element, but in tensors that never vary."""
        outputs = turn.outputs[number]
        settled = [
            yardstick.measure(outputs[place])
            for place, yardstick in enumerate(answer.yardsticks)
            if not any(yardstick.measure(draw[place])[0] for draw in answer.draws)
        ]
        elements = sum(yardstick.size for yardstick in answer.yardsticks)
        return Check(
            mismatched_share=sum(wrong for wrong, _, _ in settled) / max(elements, 1),
            error=max((error for _, error, _ in settled), default=0.0),
            reference_error=0.0,
            digest=digest_of(outputs),
            reference_digest=answer.digest,
            p_value=p_value(outputs, answer.draws, answer.yardsticks, self._random),
        )

    def _copies(self, output: Bytes, raw: list[Bytes]) -> bool:
        return any(bool(self._device.xp.array_equal(output, each)) for each in raw)

    def _stale(self, outputs: list[Bytes], own: Answer) -> int | None:
        """The earlier call whose answer this is, unless the answers are alike anyway."""
        for index, answer in reversed(self._past):
            if answer is not own and compare(outputs, answer).mismatched_share == 0:
                return index
        return None

    def remember(self, index: int, answer: Answer) -> None:
        """Keep it to recognise stale outputs by, as long as there is room."""
        size = 3 * sum(tensor.size_bytes for tensor in self._oracle.outputs)
        del self._past[: max(0, len(self._past) - _PAST_BYTES // max(size, 1))]
        self._past.append((index, answer))


def _folded(checks: Sequence[Check]) -> tuple[Check, ...]:
    """The wrong ones, and the worst of the right ones to stand for all of them."""
    wrong = [check for check in checks if check.wrong]
    right = [check for check in checks if not check.wrong]
    if right:
        worst = max(right, key=lambda check: check.error)
        wrong.append(worst)
    return tuple(wrong)
