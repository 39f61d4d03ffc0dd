"""How a search goes, as it was asked for, and what it came to."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from integrity.search.population import Member, Population
from integrity.search.spending import Spending

Body = dict[str, Any]


class Auditor(StrEnum):
    """What an audit may do to the search."""

    ON = "on"  # decides who is a parent and who wins
    OFF = "off"  # is not asked; the naive harness's word decides
    SHADOW = "shadow"  # is asked and not listened to


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how wide, by whose word."""

    entry: str
    """The name that the harness calls."""

    seed: int
    rounds: int = 4
    width: int = 8
    auditor: Auditor = Auditor.ON
    budget_s: float = math.inf
    budget_usd: float = math.inf


@dataclass(slots=True)
class Outcome:
    """What a search came to."""

    population: Population
    winner: Member | None = None
    final: Body = field(default_factory=dict)
    """The winner's second audit, with a fresh seed: the number to report."""

    varying: Sequence[str] = ()
    """Names of the sizes that no proposer sees; empty where all it measures is declared."""

    stopped: str = ""
    """Why it ended before its last round."""

    spent: Spending = field(default_factory=Spending)
