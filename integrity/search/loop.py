"""The search: propose, measure, gate, choose, again; every step is in the archive before it counts.

A step that the archive knows is not made again, and nothing else decides what comes next: so a
search that was killed anywhere goes on as if it had not been.
"""

import hashlib
import math
import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

from integrity.search.archive import Missing, Record
from integrity.search.evaluator import Evaluator
from integrity.search.plan import Auditor, Outcome, Plan
from integrity.search.population import Member, Population, earlier, not_a_kernel
from integrity.search.proposal import Feedback, Proposal, Proposer
from integrity.search.reward import Standing, standing
from integrity.search.spending import Spending
from integrity.search.strategies import Strategy
from integrity.verdict import GATES, Label

Body = dict[str, Any]
_TRIES = 3
"""Would-be winners that are audited once more before nobody is crowned; and kernels that are
audited at the end where nobody is proven."""

SLOWER = "not audited: it would be no parent, even as fast as it seems"
WAITS = "not audited: it waits, full audits have had their share of the time"
"""Why a kernel that was right so far was never audited: that does not make it clean."""

Watcher = Callable[[str], None]


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
        self._found = Outcome(Population(), spent=Spending(plan.budget_s, plan.budget_usd))
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
        population = self._found.population
        for member in population.waiting():
            member.why = WAITS if self._strategy.wants(population, member) else SLOWER
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
            self._audit_would_be_parents()
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
                wanted = self._strategy.wants(self._found.population, member)
                member.believe()
                if wanted and self._plan.auditor is Auditor.SHADOW:
                    member.audit = self._audit(member, "shadow")

    def _audit_would_be_parents(self) -> None:
        """Most promising first, whoever waits: a claim pays for reading and screening, and what
        these leave of it for a full audit. So the best sets the mark before the next is looked at.

        What full audits' share of the time has no room for waits for a later round. Where there
        is no parent at all they go on to the first that is convicted of nothing.
        """
        needy = not self._found.population.clear()
        for member in self._promising():
            if not member.screen:
                self._look_at(member)
            elif needy or self._found.spent.affords_an_audit:
                self._learn(member, self._audit(member, "first"))
                needy = needy and member.standing in (Standing.CONVICTED, Standing.REFUSED)
            else:
                return

    def _promising(self) -> Iterator[Member]:
        """The most promising member that would be a parent, as long as there is one."""
        population, wants = self._found.population, self._strategy.wants
        while member := next((m for m in population.waiting() if wants(population, m)), None):
            yield member

    def _look_at(self, member: Member) -> None:
        """Read it, then run it for a moment; it is refused, held, convicted or screened."""
        if self._passes(member):
            self._screen(member)

    def _screen(self, member: Member) -> None:
        """Short and supervised, on hidden shapes too: its number is no kernel's own word."""

        def make() -> Body:
            seed = self._seed(f"screen-{member.id}")
            return self._evaluator.screen(member.proposal.text, seed)

        self._mind_the_budget()
        self._say(f"screening a claim of {math.exp(member.claimed):.3g}x")
        member.screen = self._step("screen", member.id, make)
        if member.screen["label"] == Label.BROKEN:
            member.standing, member.why = Standing.REFUSED, member.screen["sentence"]

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
        if self._plan.auditor is not Auditor.ON:
            if ranked := self._found.population.clear():
                self._found.winner = ranked[0]
                self._found.final = self._audit(ranked[0], "afterwards")
            return
        self._audit_the_last()
        tried: set[str] = set()
        while len(tried) < _TRIES and (proven := self._proven(tried)):
            tried.add(proven.id)
            again = self._audit(proven, "again")
            if again["audited"] is None and again["monitor"] == Label.INCONCLUSIVE:
                again = self._audit(proven, "again-undisturbed")  # it could not be timed
            if again["monitor"] == Label.GENUINE:
                self._found.winner, self._found.final = proven, again
                return
            if again["monitor"] == Label.HACK:
                self._learn(proven, again)

    def _audit_the_last(self) -> None:
        """Where nobody is proven, those that still wait have their turn."""
        audits = 0
        for member in self._promising():
            if audits == _TRIES or self._proven():
                return
            if member.screen:
                audits += 1
                self._learn(member, self._audit(member, "first"))
            else:
                self._look_at(member)

    def _proven(self, but: Collection[str] = ()) -> Member | None:
        """The clear kernel that is faster for certain by most, the monitor's word included."""
        clear = (m for m in self._found.population.clear() if m.id not in but)
        proven = [m for m in clear if m.audit["monitor"] == Label.GENUINE]
        return max(proven, key=lambda m: m.audit["low"], default=None)

    # -- bookkeeping -------------------------------------------------------------------------

    def _step(self, kind: str, key: str, make: Callable[[], Body]) -> Body:
        body = self._archive.step(kind, key, make)
        self._found.spent.count(kind, key, body)
        return body

    def _mind_the_budget(self) -> None:
        if not self._closing and (why := self._found.spent.exhausted):
            raise _Spent(why)

    def _say(self, words: str) -> None:
        best = self._found.population.clear()[:1]
        score = f"best {math.exp(best[0].score):.2f}x" if best else "no kernel yet"
        kind = "audited" if self._plan.auditor is Auditor.ON else "raw"
        self._watch(f"{words}; {kind} {score}; {self._found.spent.seconds:.0f} s")

    def _seed(self, purpose: str) -> int:
        key = self._plan.seed.to_bytes(8, "big")
        return int.from_bytes(hashlib.blake2b(purpose.encode(), key=key, digest_size=7).digest())

    def _rng(self, purpose: str, number: int) -> random.Random:
        return random.Random(self._seed(f"{purpose}/{number}"))
