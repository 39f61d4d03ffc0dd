"""Outcomes counted: by family, mutator and rule."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import sqrt

from integrity.evasion.evaluate import Outcome
from integrity.evasion.samples import FAMILIES
from integrity.verdict import Label

Z_95 = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Share:
    """Some of many."""

    hits: int
    total: int

    @property
    def rate(self) -> float | None:
        """None where there is nothing to take a share of."""
        return self.hits / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's score interval at 95 % (Wilson 1927): sound for few samples and near 0 or 1."""
        if not self.total:
            return None
        rate, square = self.hits / self.total, Z_95 * Z_95
        middle = (rate + square / (2 * self.total)) / (1 + square / self.total)
        spread = rate * (1 - rate) / self.total + square / (4 * self.total**2)
        half = Z_95 * sqrt(spread) / (1 + square / self.total)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class FamilyTally:
    """The hacks of one letter. Those that only a run can show are counted apart."""

    letter: str
    hacks: Share
    """Flagged, of those whose source gives them away."""

    convicted: int
    """Of these, how many got the label `hack`."""

    mutants: Share
    """Killed, of their mutants."""

    apart: Share
    """Flagged, of the hacks that need a run."""

    mutants_apart: Share

    @property
    def title(self) -> str:
        """`A timing`."""
        return f"{self.letter} {FAMILIES[self.letter]}"


@dataclass(frozen=True, slots=True)
class HonestTally:
    """Honest samples, or their mutants, by what they were wrongly called."""

    total: int
    suspect: Share
    shortcut: Share
    broken: Share
    hack: Share


@dataclass(frozen=True, slots=True)
class MutatorTally:
    """One way of rewriting: what it gets past, and whom it gets accused."""

    name: str
    killed: Share
    twins_flagged: Share
    twins_convicted: int


@dataclass(frozen=True, slots=True)
class RuleTally:
    """One rule: how many hacks, their mutants, honest samples and theirs it reports."""

    id: str
    hacks: int
    mutants: int
    honest: int
    twins: int


@dataclass(frozen=True, slots=True)
class Tally:
    """Everything that `integrity evaluate` reports."""

    families: tuple[FamilyTally, ...]
    honest: HonestTally
    twins: HonestTally
    mutators: tuple[MutatorTally, ...]
    rules: tuple[RuleTally, ...]
    missed: tuple[Outcome, ...] = field(default=())
    """Hacks and mutants that passed, other than those that need a run."""

    accused: tuple[Outcome, ...] = field(default=())
    """Honest samples that were flagged, and mutants of honest samples that were called `hack`."""

    def lowest(self) -> tuple[float, str]:
        """The smallest share over families, of mutants killed or of hacks flagged, and whose."""
        shares = [
            (share.rate, f"{what} of family {family.title}")
            for family in self.families
            for share, what in ((family.hacks, "hacks"), (family.mutants, "mutants"))
            if share.rate is not None
        ]
        return min(shares, default=(1.0, "no family"))


def tally(outcomes: Sequence[Outcome]) -> Tally:
    """The outcomes, counted."""
    hacks = [outcome for outcome in outcomes if not outcome.sample.honest]
    honest = [outcome for outcome in outcomes if outcome.sample.honest]
    letters = sorted({outcome.sample.family for outcome in hacks})
    return Tally(
        families=tuple(_family(letter, hacks) for letter in letters),
        honest=_honest(outcome for outcome in honest if not outcome.mutator),
        twins=_honest(outcome for outcome in honest if outcome.mutator),
        mutators=_mutators(hacks, honest),
        rules=_rules(hacks, honest),
        missed=tuple(o for o in hacks if not o.flagged and not o.sample.needs_run),
        accused=tuple(o for o in honest if o.label is Label.HACK or (o.flagged and not o.mutator)),
    )


def share(outcomes: Iterable[Outcome]) -> Share:
    """How many of these are flagged."""
    flags = [outcome.flagged for outcome in outcomes]
    return Share(sum(flags), len(flags))


def _family(letter: str, hacks: Sequence[Outcome]) -> FamilyTally:
    own = [outcome for outcome in hacks if outcome.sample.family == letter]
    shown = [outcome for outcome in own if not outcome.sample.needs_run]
    apart = [outcome for outcome in own if outcome.sample.needs_run]
    return FamilyTally(
        letter=letter,
        hacks=share(o for o in shown if not o.mutator),
        convicted=sum(o.label is Label.HACK for o in shown if not o.mutator),
        mutants=share(o for o in shown if o.mutator),
        apart=share(o for o in apart if not o.mutator),
        mutants_apart=share(o for o in apart if o.mutator),
    )


def _honest(outcomes: Iterable[Outcome]) -> HonestTally:
    labels = [outcome.label for outcome in outcomes]
    total = len(labels)
    counted = {label: Share(labels.count(label), total) for label in Label}
    return HonestTally(
        total,
        suspect=counted[Label.SUSPECT],
        shortcut=counted[Label.SHORTCUT],
        broken=counted[Label.BROKEN],
        hack=counted[Label.HACK],
    )


def _mutators(hacks: Sequence[Outcome], honest: Sequence[Outcome]) -> tuple[MutatorTally, ...]:
    """Those that let most past first."""
    of_hacks: dict[str, list[Outcome]] = defaultdict(list)
    of_twins: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in hacks:
        if not outcome.sample.needs_run:
            of_hacks[outcome.mutator].append(outcome)
    for outcome in honest:
        of_twins[outcome.mutator].append(outcome)
    rows = [
        MutatorTally(
            name,
            share(of_hacks[name]),
            share(of_twins[name]),
            sum(o.label is Label.HACK for o in of_twins[name]),
        )
        for name in sorted((of_hacks.keys() | of_twins.keys()) - {""})
    ]
    return tuple(sorted(rows, key=lambda row: row.killed.hits - row.killed.total))


def _rules(hacks: Sequence[Outcome], honest: Sequence[Outcome]) -> tuple[RuleTally, ...]:
    ids = sorted({rule for outcome in (*hacks, *honest) for rule in outcome.rules})
    return tuple(
        RuleTally(
            rule,
            hacks=sum(rule in o.rules for o in hacks if not o.mutator),
            mutants=sum(rule in o.rules for o in hacks if o.mutator),
            honest=sum(rule in o.rules for o in honest if not o.mutator),
            twins=sum(rule in o.rules for o in honest if o.mutator),
        )
        for rule in ids
    )
