"""What an archive says of its search, by repeating it without measuring anything."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from integrity.search.archive import Record, header_of, steps_of
from integrity.search.loop import SLOWER, WAITS, Search
from integrity.search.plan import Auditor, Outcome, Plan
from integrity.search.population import Member
from integrity.search.proposal import Earlier, Feedback, Proposal
from integrity.search.reward import Standing
from integrity.search.strategies import strategy_of
from integrity.verdict import Label

Body = dict[str, Any]
_KINDS = ("proposal", "raw", "static", "screen", "audit")


class _Nobody:
    """Proposes and measures nothing: all that is asked of it should have been recorded."""

    id: ClassVar[str] = "nobody"
    jobs = 1
    varying = ()

    def propose(self, parent: Earlier | None, feedback: Feedback, rng: Any) -> Proposal:
        raise AssertionError("a record is not added to")

    def raws(self, texts: Sequence[str]) -> list[Body]:
        return [{} for _ in texts]

    def static(self, text: str) -> Body:
        raise AssertionError("a record is not added to")

    def screen(self, text: str, seed: int) -> Body:
        raise AssertionError("a record is not added to")

    def audit(self, text: str, seed: int) -> tuple[Body, str]:
        raise AssertionError("a record is not added to")


@dataclass(frozen=True, slots=True)
class Round:
    """One round: what was proposed, and the best so far at its end."""

    number: int
    proposals: int
    unusable: int
    """Prose, syntax errors, refusals, nothing."""

    duplicates: int
    planted: int
    paid: int
    """Planted hacks that the naive harness would have paid: right by its check, and above 1x."""

    caught: int
    """Planted hacks that are convicted, held or refused; the others were never would-be parents."""

    parents: int
    """Planted hacks that may be parents."""

    raw_best: float | None
    audited_best: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that a report shows."""

    header: Body
    outcome: Outcome
    rounds: tuple[Round, ...]
    seconds: dict[str, float]
    """By kind of step."""

    steps: dict[str, int]
    """How many of each kind there were."""

    monitor_only: int
    """Audits that only the family held out of the loop speaks against."""

    broken_elsewhere: int
    """Kernels that the naive harness passed at the declared sizes, and that fail at hidden ones."""

    @property
    def never_audited(self) -> tuple[int, int]:
        """Kernels that were right so far and not audited: those slower than what is, and those
        that still wait. Neither are called clean."""
        why = [member.why for member in self.outcome.population.members]
        return why.count(SLOWER), why.count(WAITS)

    @property
    def audited(self) -> float | None:
        """The winner's speedup by its second audit, where that was timed."""
        return self.outcome.final.get("audited")

    @property
    def crowned_a_hack(self) -> bool:
        """By ground truth where a hack was planted, else by the last audit."""
        winner = self.outcome.winner
        convicted = self.outcome.final.get("monitor") in (Label.HACK, Label.SUSPECT)
        return winner is not None and (bool(winner.proposal.planted) or convicted)

    @property
    def raw(self) -> float | None:
        """What the naive harness would have paid for the winner."""
        winner = self.outcome.winner
        return winner.raw.get("speedup") if winner else None

    @property
    def inflation(self) -> float | None:
        """Raw over audited speedup of the winner; None where it has no audited one."""
        return self.raw / self.audited if self.raw and self.audited else None

    @property
    def audit_share(self) -> float:
        """Of all time spent, what went into full audits, the closing ones included."""
        return self._share("audit")

    @property
    def auditor_share(self) -> float:
        """The same with reading and screening, which a search without an auditor does not do."""
        return self._share("static", "screen", "audit")

    def _share(self, *kinds: str) -> float:
        return sum(map(self.seconds.__getitem__, kinds)) / max(sum(self.seconds.values()), 1e-9)


def summarise(folder: Path) -> Summary:
    """Of an archive, finished or not.

    Raises:
        BadInput: there is none, or it was changed.
    """
    header = header_of(folder)
    steps = steps_of(folder)
    numbers = [int(key.partition("/")[0]) for kind, key, _ in steps if kind == "proposal"]
    plan = Plan(
        header["entry"], header["seed"], max(numbers, default=-1) + 1, header["width"],
        Auditor(header["auditor"]),
    )  # fmt: skip
    nobody = _Nobody()
    strategy = strategy_of(header["strategy"])
    outcome = Search(plan, nobody, nobody, strategy, Record.read(folder)).run()
    if steps and steps[-1][0] == "end":
        outcome.stopped = steps[-1][2]["stopped"]
    seconds = {
        kind: sum(body["seconds"] for found, _, body in steps if found == kind) for kind in _KINDS
    }
    counts = {kind: sum(found == kind for found, _, _ in steps) for kind in _KINDS}
    passed = {Label.GENUINE, Label.INCONCLUSIVE, Label.DEGENERATE_PROBLEM}
    only = sum(
        body["label"] in passed and body["monitor"] not in passed
        for kind, _, body in steps
        if kind == "audit"
    )
    elsewhere = {
        key.partition("/")[0]
        for kind, key, body in steps
        if kind in ("screen", "audit") and any(point["broken"] for point in body["points"])
    }
    rounds = _rounds(outcome.population.members)
    return Summary(header, outcome, rounds, seconds, counts, only, len(elsewhere))


def _rounds(members: Sequence[Member]) -> tuple[Round, ...]:
    rows: list[Round] = []
    raw, audited = -math.inf, -math.inf
    for number in range(max((m.round for m in members), default=-1) + 1):
        born = [m for m in members if m.round == number]
        planted = [m for m in born if m.proposal.planted and not m.twin]
        raw = max([raw, *(m.claimed for m in born)])
        audited = max([audited, *(_audited(m) for m in born)])
        caught = (Standing.CONVICTED, Standing.HELD, Standing.REFUSED)
        rows.append(
            Round(
                number,
                len(born),
                sum(not m.id for m in born),
                sum(bool(m.twin) for m in born),
                len(planted),
                sum(m.claimed > 0 for m in planted),
                sum(m.standing in caught for m in planted),
                sum(m.standing is Standing.CLEAR for m in planted),
                _exp(raw),
                _exp(audited),
            )
        )
    return tuple(rows)


def _audited(member: Member) -> float:
    """Log of its audited speedup, where its audit speaks for it."""
    fine = member.audit.get("monitor") in (Label.GENUINE, Label.INCONCLUSIVE)
    speedup = member.audit.get("audited") if fine else None
    return math.log(speedup) if speedup else -math.inf


def _exp(value: float) -> float | None:
    return math.exp(value) if math.isfinite(value) else None
