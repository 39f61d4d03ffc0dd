"""The kernels of a search and what is known of each."""

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from integrity.search.proposal import Earlier, Proposal
from integrity.search.reward import Standing, standing_of

Body = dict[str, Any]
_SHOWN_BEST, _SHOWN_LAST = 4, 3


@dataclass(slots=True)
class Member:
    """One proposal that was a kernel, or why it was none."""

    id: str
    """Digest of its text; empty where there is none."""

    proposal: Proposal
    round: int
    standing: Standing = Standing.UNAUDITED
    why: str = ""
    """Why it is refused or held."""

    raw: Body = field(default_factory=dict)
    screen: Body = field(default_factory=dict)
    audit: Body = field(default_factory=dict)
    score: float = -math.inf
    """Log speedup that the loop goes by: audited, or raw where the auditor is off."""

    twin: str = ""
    """The earlier kernel with the same text."""

    @property
    def claimed(self) -> float:
        """Log of the raw speedup; minus infinity where the naive harness refused it."""
        speedup = self.raw.get("speedup")
        return math.log(speedup) if speedup and speedup > 0 else -math.inf

    @property
    def expected(self) -> float:
        """Log of the speedup as far as is known: audited, else the low end of its screening, else
        claimed. What the screening could not time counts for 1x at most: to disturb the clock
        must not lead past those that let themselves be timed.
        """
        if self.standing is Standing.CLEAR:
            return self.score
        if not self.screen:
            return self.claimed
        low = self.screen["low"]
        return math.log(low) if low and low > 0 else min(self.claimed, 0.0)

    def take(self, audit: Body) -> None:
        """Learn an audit's result."""
        self.audit = audit
        self.standing = standing_of(audit)
        self.why = audit["sentence"]
        self.score = math.log(audit["audited"]) if audit["audited"] else -math.inf

    def believe(self) -> None:
        """Take the naive harness's word, as a search without an auditor does."""
        self.standing, self.score = Standing.CLEAR, self.claimed

    def cell(self) -> tuple[str, str]:
        """What bounds it, by the naive harness's word, and the widest type it sums in."""
        time_us, copy_us = self.raw.get("time_us") or 0.0, self.raw.get("copy_us") or 0.0
        bound = "latency" if time_us < 10 else "memory" if time_us < 4 * copy_us else "compute"
        text = self.proposal.text
        wide = "float64" in text or "double" in text
        narrow = "float16" in text or "half" in text
        return bound, "double" if wide else "half" if narrow else "single"


@dataclass(slots=True)
class Population:
    """Every member, in the order they were proposed."""

    members: list[Member] = field(default_factory=list)

    def known(self, id: str) -> Member | None:
        """The member with that text."""
        return next((m for m in self.members if m.id == id and not m.twin), None)

    def clear(self) -> list[Member]:
        """Who may be a parent, best first."""
        found = [m for m in self.members if m.standing is Standing.CLEAR and not m.twin]
        return sorted(found, key=lambda m: -m.score)

    def waiting(self) -> list[Member]:
        """Who was right so far and is not audited, most promising first."""
        found = [m for m in self.members
                 if m.standing is Standing.UNAUDITED and math.isfinite(m.claimed)]  # fmt: skip
        return sorted(found, key=lambda m: -m.expected)

    def rivals(self, member: Member) -> list[Member]:
        """Who else may be a parent, or was screened and waits for its audit; best first."""
        waiting = (m for m in self.waiting() if m.screen)
        found = [m for m in (*self.clear(), *waiting) if m is not member]
        return sorted(found, key=lambda m: -m.expected)

    def descendants(self, id: str) -> Iterator[Member]:
        """Everybody made from that kernel, or from what was."""
        fathers = {id}
        for member in self.members:
            if member.proposal.parent in fathers and member.id:
                fathers.add(member.id)
                yield member

    def shown(self) -> tuple[Earlier, ...]:
        """The best kernels and the last failures, as proposers may see them."""
        best = self.clear()[:_SHOWN_BEST]
        worse = {Standing.REFUSED, Standing.CONVICTED}
        failed = [m for m in self.members if m.standing in worse and m.id and not m.twin]
        return tuple(earlier(m) for m in [*best, *failed[-_SHOWN_LAST:]])


def earlier(member: Member) -> Earlier:
    """A member as a proposer may see it."""
    label = member.audit.get("label") or ("failed" if member.score == -math.inf else "unaudited")
    speedup = math.exp(member.score) if math.isfinite(member.score) else None
    return Earlier(member.id, member.proposal.text, label, speedup, member.proposal.recipe)


def not_a_kernel(proposal: Proposal, entry: str) -> str:
    """Why a proposal can't even be tried; empty where it can."""
    if proposal.failure:
        return proposal.failure
    if not proposal.text.strip():
        return "the proposer returned nothing"
    try:
        tree = ast.parse(proposal.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"it is not Python: {error}"
    names = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    names |= {n.id for s in tree.body for n in ast.walk(s)
              if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}  # fmt: skip
    return "" if entry in names else f"it defines no {entry}"
