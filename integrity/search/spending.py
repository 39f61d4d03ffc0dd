"""What a search has spent, what it may spend, and whether one more full audit is due."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

AUDIT_SHARE = 0.5
"""Of all recorded seconds, what full audits may take."""


@dataclass(slots=True)
class Spending:
    """Seconds and money by the archive: a resumed search counts them exactly as the first did."""

    budget_s: float = math.inf
    budget_usd: float = math.inf
    seconds: float = 0.0
    usd: float = 0.0
    audits: int = 0
    audits_s: float = 0.0
    _counted: set[tuple[str, str]] = field(default_factory=set)

    def count(self, kind: str, key: str, body: Mapping[str, Any]) -> None:
        """A step of the archive, however often it is asked for."""
        if (kind, key) in self._counted:
            return
        self._counted.add((kind, key))
        self.seconds += body["seconds"]
        self.usd += body.get("usd", 0.0)
        if kind == "audit":
            self.audits += 1
            self.audits_s += body["seconds"]

    @property
    def exhausted(self) -> str:
        """Which budget is spent; empty while none is."""
        if self.seconds >= self.budget_s:
            return f"the budget of {self.budget_s:g} s is spent"
        if self.usd >= self.budget_usd:
            return f"the budget of {self.budget_usd:g} USD is spent"
        return ""

    @property
    def affords_an_audit(self) -> bool:
        """Whether full audits keep to their share with one more, and the winner's second."""
        more = 2 * self.audits_s / max(self.audits, 1)
        return self.audits_s + more <= AUDIT_SHARE * (self.seconds + more)
