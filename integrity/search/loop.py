"""The search: propose, measure, gate, choose, again; every step is in the archive before it counts.

A step that the archive knows is not made again, and nothing else decides what comes next: so a
search that was killed anywhere goes on as if it had not been.
"""

import hashlib
import math
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from integrity.search.archive import Missing, Record
from integrity.search.evaluator import Evaluator
from integrity.search.plan import Auditor, Outcome, Plan
from integrity.search.population import Member, Population, earlier, not_a_kernel
from integrity.search.proposal import Feedback, Proposal, Proposer
from integrity.search.reward import Standing, standing
from integrity.search.strategies import Estimate, Strategy
from integrity.verdict import GATES, Label

Body = dict[str, Any]
_TRIES = 3
"""Would-be winners that are audited once more before nobody is crowned."""

Watcher = Callable[[str], None]


def _claimed(member: Member) -> float:
    return member.claimed


def _screened(member: Member) -> float:
    return member.screened


class _Spent(Exception):
    """A budget is used up."""


class Search:
    """One search over one archive; over a mere record of one, it repeats what was recorded."""

    def __init__(
        self,
        plan: Plan,
        proposer: Proposer,
        evaluator: Evaluator,
        strategy: Strategy,
        archive: Record,
        watch: Watcher = lambda words: None,
    ) -> None:
        self._plan = plan
        self._proposer = proposer
        self._evaluator = evaluator
        self._strategy = strategy
        self._archive = archive
        self._watch = watch
        self._found = Outcome(Population())
        self._counted: set[tuple[str, str]] = set()
        self._closing = False

    def run(self) -> Outcome:
        """To the last round, or until a budget is spent; then crown the winner.

        Raises:
            BadInput: the archive can't be written. What is in it is intact.
        """
        try:
            self._found.varying = self._step("sizes", "", self._sizes)["varying"]
            for number in range(self._plan.rounds):
                self._round(number)
        except _Spent as reason:
            self._found.stopped = str(reason)
        except Missing:
            self._found.stopped = "it has not come further"
        try:
            self._crown()
            self._end()
        except Missing:
            self._found.stopped = "it has not come further"
        return self._found

    def _sizes(self) -> Body:
        return {"varying": list(self._evaluator.varying), "seconds": 0.0}

    def _end(self) -> None:
        """Say in the archive that this is the end, as far as these rounds and budgets go."""
        plan, found = self._plan, self._found
        key = f"{plan.rounds} rounds, {plan.budget_s:g} s, {plan.budget_usd:g} USD"
        winner = found.winner.id if found.winner else ""
        self._step("end", key, lambda: {"stopped": found.stopped, "winner": winner, "seconds": 0.0})

    # -- a round -----------------------------------------------------------------------------

    def _round(self, number: int) -> None:
        population = self._found.population
        rng = self._rng("parents", number)
        parents = self._strategy.parents(population, self._plan.width, rng)
        born = [self._propose(number, slot, parent) for slot, parent in enumerate(parents)]
        self._measure([member for member in born if member.id and not member.twin])
        if self._plan.auditor is Auditor.ON:
            self._audit_would_be_parents(born)
        else:
            self._believe(born)
        self._strategy.settle(population, born, self._rng("settle", number))

    def _propose(self, number: int, slot: int, parent: Member | None) -> Member:
        self._mind_the_budget()
        self._say(f"round {number + 1} of {self._plan.rounds}, proposal {slot + 1}")
        members = self._found.population.members
        body = self._step("proposal", f"{number}/{slot}", lambda: self._ask(number, slot, parent))
        text = self._archive.get(body["text"]) if body["text"] else ""
        proposal = Proposal(
            text, body["operator"], body["parent"], body["recipe"], body["planted"],
            failure=body["failure"], usd=body["usd"], seconds=body["seconds"],
        )  # fmt: skip
        member = Member("", proposal, number)
        if why := not_a_kernel(proposal, self._plan.entry):
            member.standing, member.why = Standing.REFUSED, why
        else:
            member.id = body["text"]
            if twin := self._found.population.known(member.id):
                member.twin, member.standing, member.why = twin.id, twin.standing, "a duplicate"
                member.score, member.raw, member.audit = twin.score, twin.raw, twin.audit
        members.append(member)
        return member

    def _ask(self, number: int, slot: int, parent: Member | None) -> Body:
        start = time.monotonic()
        population = self._found.population
        feedback = Feedback(number * self._plan.width + slot, population.shown())
        rng = self._rng(f"proposal-{number}", slot)
        made = self._proposer.propose(earlier(parent) if parent else None, feedback, rng)
        return {
            "text": self._archive.put(made.text) if made.text else "",
            "operator": made.operator,
            "parent": made.parent,
            "recipe": dict(made.recipe) if made.recipe is not None else None,
            "planted": made.planted,
            "prompt": self._archive.put(made.prompt) if made.prompt else "",
            "plan": made.plan,
            "failure": made.failure,
            "usd": made.usd,
            # A model's waiting counts; writing out a schedule takes no time worth noting.
            "seconds": round(time.monotonic() - start, 1) if made.prompt else 0.0,
        }

    def _measure(self, born: Sequence[Member]) -> None:
        """The naive harness's word on each, a batch at a time."""
        size = self._evaluator.jobs
        for first in range(0, len(born), size):
            batch = born[first : first + size]
            self._mind_the_budget()
            new = [m for m in batch if not self._archive.knows("raw", m.id)]
            bodies = self._evaluator.raws([m.proposal.text for m in new]) if new else []
            found = {m.id: body for m, body in zip(new, bodies, strict=True)}
            for member in batch:
                member.raw = self._step("raw", member.id, partial(found.__getitem__, member.id))
                if member.raw["speedup"] is None:
                    member.standing = Standing.REFUSED
                    member.why = member.raw["error"] or "its output is wrong"

    def _believe(self, born: Sequence[Member]) -> None:
        """Every claim is paid; the shadow looks at those that would be parents."""
        for member in born:
            if member.standing is Standing.UNAUDITED:
                wanted = self._wants(member, _claimed)
                member.believe()
                if wanted and self._plan.auditor is Auditor.SHADOW:
                    member.audit = self._audit(member, "shadow")

    def _audit_would_be_parents(self, born: Sequence[Member]) -> None:
        """Claims pay for reading and screening, and only what these leave for a full audit.

        The best one first: the record that it sets saves the audits of those below it.
        """
        claims = [m for m in born if m.standing is Standing.UNAUDITED]
        screened = [m for m in claims if self._wants(m, _claimed) and self._passes(m)]
        right = [m for m in screened if self._is_right(m)]
        for member in sorted(right, key=lambda m: (-m.screened, -m.claimed)):
            if self._wants(member, _screened):
                self._learn(member, self._audit(member, "first"))

    def _wants(self, member: Member, by: Estimate) -> bool:
        return self._strategy.wants(self._found.population, member, by)

    def _is_right(self, member: Member) -> bool:
        """Short and supervised, on hidden shapes too: its number is no kernel's own word."""

        def make() -> Body:
            seed = self._seed(f"screen-{member.id}")
            return self._evaluator.screen(member.proposal.text, seed)

        self._mind_the_budget()
        self._say(f"screening a claim of {math.exp(member.claimed):.3g}x")
        member.screen = self._step("screen", member.id, make)
        if member.screen["label"] == Label.BROKEN:
            member.standing, member.why = Standing.REFUSED, member.screen["sentence"]
        return member.standing is Standing.UNAUDITED

    def _passes(self, member: Member) -> bool:
        """The static gate, which costs next to nothing; a hack's descendants go on regardless."""
        if self._tainted(member):
            return True
        read = self._step("static", member.id, lambda: self._evaluator.static(member.proposal.text))
        label = Label(read["label"])
        if label not in GATES["suspect"]:
            return True
        member.standing, member.why = standing(label, None, True), read["sentence"]
        if member.standing is Standing.CONVICTED:
            self._quarantine(member)
        return False

    def _tainted(self, member: Member) -> bool:
        convicted = (m for m in self._found.population.members
                     if m.standing is Standing.CONVICTED and m.id)  # fmt: skip
        return any(member in list(self._found.population.descendants(m.id)) for m in convicted)

    def _learn(self, member: Member, audit: Body) -> None:
        member.take(audit)
        if member.standing is Standing.CONVICTED:
            self._quarantine(member)

    def _quarantine(self, hack: Member) -> None:
        """Nobody made from a hack is a parent again before a full audit cleared it anew."""
        for member in list(self._found.population.descendants(hack.id)):
            if member.standing is Standing.CLEAR and not member.twin:
                member.standing = Standing.HELD
                member.take(self._audit(member, f"quarantine-{hack.id[:12]}"))

    def _audit(self, member: Member, purpose: str) -> Body:
        def make() -> Body:
            seed = self._seed(f"audit-{purpose}-{member.id}")
            body, evidence = self._evaluator.audit(member.proposal.text, seed)
            return {**body, "purpose": purpose, "evidence": self._archive.put(evidence)}

        self._mind_the_budget()
        self._say(f"auditing a claim of {math.exp(member.claimed):.3g}x")
        return self._step("audit", f"{member.id}/{purpose}", make)

    # -- the end -----------------------------------------------------------------------------

    def _crown(self) -> None:
        """The winner is audited once more, on inputs of a fresh seed: the best of many
        measurements is too good, and only the second one is reported. No budget ends this."""
        self._closing = True
        ranked = self._found.population.clear()
        if self._plan.auditor is not Auditor.ON:
            if ranked:
                self._found.winner = ranked[0]
                self._found.final = self._audit(ranked[0], "afterwards")
            return
        proven = [m for m in ranked if m.audit.get("monitor") == Label.GENUINE]
        for member in sorted(proven, key=lambda m: -m.audit["low"])[:_TRIES]:
            again = self._audit(member, "again")
            if again["audited"] is None and again["monitor"] == Label.INCONCLUSIVE:
                again = self._audit(member, "again-undisturbed")  # it could not be timed
            if again["monitor"] == Label.GENUINE:
                self._found.winner, self._found.final = member, again
                return
            if again["monitor"] == Label.HACK:
                self._learn(member, again)

    # -- bookkeeping -------------------------------------------------------------------------

    def _step(self, kind: str, key: str, make: Callable[[], Body]) -> Body:
        body = self._archive.step(kind, key, make)
        if (kind, key) not in self._counted:
            self._counted.add((kind, key))
            self._found.seconds += body["seconds"]
            self._found.usd += body.get("usd", 0.0)
        return body

    def _mind_the_budget(self) -> None:
        found, plan = self._found, self._plan
        if self._closing:
            return
        if found.seconds >= plan.budget_s:
            raise _Spent(f"the budget of {plan.budget_s:g} s is spent")
        if found.usd >= plan.budget_usd:
            raise _Spent(f"the budget of {plan.budget_usd:g} USD is spent")

    def _say(self, words: str) -> None:
        best = self._found.population.clear()[:1]
        score = f"best {math.exp(best[0].score):.2f}x" if best else "no kernel yet"
        kind = "audited" if self._plan.auditor is Auditor.ON else "raw"
        self._watch(f"{words}; {kind} {score}; {self._found.seconds:.0f} s")

    def _seed(self, purpose: str) -> int:
        key = self._plan.seed.to_bytes(8, "big")
        return int.from_bytes(hashlib.blake2b(purpose.encode(), key=key, digest_size=7).digest())

    def _rng(self, purpose: str, number: int) -> random.Random:
        return random.Random(self._seed(f"{purpose}/{number}"))
