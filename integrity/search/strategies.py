"""Who is a parent next. A strategy sees scores and standings, never what was planted."""

import math
import random
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import ClassVar, Protocol

from integrity.errors import BadInput
from integrity.search.population import Member, Population
from integrity.search.reward import Standing

BEAM = 4
BETA = 2.0


class Strategy(Protocol):
    """Chooses parents; None asks for a fresh kernel."""

    id: ClassVar[str]

    def parents(
        self, population: Population, width: int, rng: random.Random
    ) -> list[Member | None]:
        """One for each proposal of the next round."""
        ...

    def wants(self, population: Population, member: Member) -> bool:
        """Whether it would be a parent if it were as fast as expected: only then it is looked at
        more closely."""
        ...

    def settle(self, population: Population, born: Sequence[Member], rng: random.Random) -> None:
        """Learn what became of the round's proposals, in the order of their parents."""
        ...


class BestOfN:
    """Fresh kernels only; the best one wins."""

    id: ClassVar[str] = "best-of-n"

    def parents(
        self, population: Population, width: int, rng: random.Random
    ) -> list[Member | None]:
        return [None] * width

    def wants(self, population: Population, member: Member) -> bool:
        rivals = population.rivals(member)
        return not rivals or member.expected >= rivals[0].expected

    def settle(self, population: Population, born: Sequence[Member], rng: random.Random) -> None:
        """It keeps nothing."""


class Beam(BestOfN):
    """The best few have children in turn; a quarter of the round is fresh."""

    id: ClassVar[str] = "beam"

    def __init__(self) -> None:
        self._size = BEAM

    def parents(
        self, population: Population, width: int, rng: random.Random
    ) -> list[Member | None]:
        self._size = max(1, min(BEAM, width // 4))
        best = population.clear()[: self._size]
        fresh = max(1, width // 4) if best else width
        return [*(best[n % len(best)] for n in range(width - fresh)), *([None] * fresh)]

    def wants(self, population: Population, member: Member) -> bool:
        best = population.rivals(member)[: self._size]
        return len(best) < self._size or member.expected >= best[-1].expected


class MapElites(BestOfN):
    """The best of each cell of bottleneck and precision; parents from all cells alike."""

    id: ClassVar[str] = "map-elites"

    def parents(
        self, population: Population, width: int, rng: random.Random
    ) -> list[Member | None]:
        elites = list(_elites(population.clear()).values())
        return [rng.choice([*elites, None]) if elites else None for _ in range(width)]

    def wants(self, population: Population, member: Member) -> bool:
        elite = _elites(population.rivals(member)).get(member.cell())
        return elite is None or member.expected >= elite.expected


def _elites(best_first: Iterable[Member]) -> dict[tuple[str, str], Member]:
    """The first of each cell."""
    elites: dict[tuple[str, str], Member] = {}
    for member in best_first:
        elites.setdefault(member.cell(), member)
    return elites


class ParticleFilter:
    """Sequential Monte Carlo: particles weighted by exp(beta x reward), no rollback.

    A particle goes where its child went, to the better or the worse; one whose child is not clear
    has weight zero, and so has one that half of its rivals seem to be faster than: it is not
    audited. When the effective sample size falls below half the particles, all are drawn
    again by their weights, systematically. Where every particle died, the best clear kernels are
    the particles of the next round.
    """

    id: ClassVar[str] = "smc"

    def __init__(self) -> None:
        self._particles: list[Member | None] = []
        self._weights: list[float] = []

    def parents(
        self, population: Population, width: int, rng: random.Random
    ) -> list[Member | None]:
        if len(self._particles) != width:
            best = population.clear()[:width]
            self._particles = [best[n % len(best)] if best else None for n in range(width)]
            self._weights = [0.0] * width
        return list(self._particles)

    def wants(self, population: Population, member: Member) -> bool:
        rivals = [each.expected for each in population.rivals(member)]
        return not rivals or member.expected >= median(rivals)

    def settle(self, population: Population, born: Sequence[Member], rng: random.Random) -> None:
        if len(born) != len(self._particles):  # the budget ended the round early
            return
        for n, child in enumerate(born):
            child = population.known(child.twin) or child if child.twin else child
            parent = self._particles[n]
            if child.standing is Standing.CLEAR and math.isfinite(child.score):
                self._weights[n] += BETA * (child.score - (parent.score if parent else 0.0))
                self._particles[n] = child
            else:
                self._weights[n] = -math.inf
        self._resample(rng)

    def _resample(self, rng: random.Random) -> None:
        most = max(self._weights)
        if most == -math.inf:
            self._particles = []
            return
        shares = [math.exp(weight - most) for weight in self._weights]
        total = sum(shares)
        effective = total**2 / sum(share**2 for share in shares)
        if effective >= len(shares) / 2 and min(shares) > 0:
            return
        picks = systematic([share / total for share in shares], rng.random())
        self._particles = [self._particles[n] for n in picks]
        self._weights = [0.0] * len(picks)


def systematic(shares: Sequence[float], offset: float) -> list[int]:
    """As many indices as there are shares, each as often as its share says, give or take one."""
    picks, reached, index = [], shares[0], 0
    for n in range(len(shares)):
        point = (n + offset) / len(shares)
        while reached < point and index < len(shares) - 1:
            index += 1
            reached += shares[index]
        picks.append(index)
    return picks


_BY_ID: dict[str, Callable[[], Strategy]] = {
    BestOfN.id: BestOfN,
    Beam.id: Beam,
    MapElites.id: MapElites,
    ParticleFilter.id: ParticleFilter,
}
STRATEGIES = tuple(_BY_ID)


def strategy_of(id: str) -> Strategy:
    """A fresh one.

    Raises:
        BadInput: there is none of that name.
    """
    if id not in _BY_ID:
        raise BadInput(f"no strategy {id!r}; there are {', '.join(STRATEGIES)}")
    return _BY_ID[id]()
