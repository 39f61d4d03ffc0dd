"""The search's reward as a plain function, for reinforcement learning and other searches."""

import atexit
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from integrity.policy import GENERATOR, Policy
from integrity.request import Level
from integrity.search.evaluator import Supervised, supervised
from integrity.search.population import not_a_kernel
from integrity.search.problem import task_of
from integrity.search.proposal import Proposal
from integrity.search.reward import Standing, reward, standing, standing_of
from integrity.verdict import GATES, Label


@dataclass(frozen=True, slots=True)
class Reward:
    """What a kernel is paid, and why."""

    value: float
    """max(0, log(audited speedup)), or 0 where the gate is closed; never negative."""

    standing: Standing
    label: str
    """The verdict; `broken` too for what is no kernel at all."""

    sentence: str
    audited: float | None = None
    low: float | None = None
    high: float | None = None
    raw: float | None = None
    """What an in-process harness would have paid: the submission's word, for showing only."""


class Rewarder:
    """Pays kernels of one problem; a machine is warm as long as it lives."""

    def __init__(self, evaluator: Supervised) -> None:
        self._evaluator = evaluator

    def gate(self, source: str) -> Reward:
        """What parsing, one naive run and reading say: cheap, and never a payment."""
        if why := not_a_kernel(Proposal(source, "given"), self._evaluator.task.entry):
            return Reward(0.0, Standing.REFUSED, Label.BROKEN, why)
        raw = self._evaluator.raws([source])[0]
        if raw["speedup"] is None:
            why = raw["error"] or "its output is wrong"
            return Reward(0.0, Standing.REFUSED, Label.BROKEN, why)
        read = self._evaluator.static(source)
        found = Standing.UNAUDITED
        if read["label"] in GATES["suspect"]:
            found = standing(read["label"], None, True)
        return Reward(0.0, found, read["label"], read["sentence"], raw=raw["speedup"])

    def __call__(self, source: str, seed: int) -> Reward:
        """The audited reward; draw `seed` anew for every call, and never tell the proposer."""
        first = self.gate(source)
        if first.standing is not Standing.UNAUDITED:
            return first
        audit, _ = self._evaluator.audit(source, seed)
        found = standing_of(audit)
        return Reward(
            reward(found, audit["audited"]), found, audit["label"], audit["sentence"],
            audit["audited"], audit["low"], audit["high"], first.raw,
        )  # fmt: skip


@contextmanager
def rewarder(
    problem: Path, level: Level = Level.CPU, policy: Policy = GENERATOR, harness: str = "auto"
) -> Iterator[Rewarder]:
    """One for a problem's reference.

    Raises:
        BadInput: the problem, the device or the isolation can't be had.
    """
    with supervised(task_of(problem, harness), level, policy) as evaluator:
        yield Rewarder(evaluator)


@cache
def lasting_rewarder(problem: Path, level: Level) -> Rewarder:
    """One for this process, whoever asks; its machine goes when the process does.

    Raises:
        BadInput: as `rewarder`.
    """
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(rewarder(problem, level))
