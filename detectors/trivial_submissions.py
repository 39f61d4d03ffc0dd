"""Probe T13, second half: submissions that do no work must fail the problem's check."""

from collections.abc import Iterable, Iterator
from functools import partial

from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import Call, Experiment, Inputs


class TrivialSubmissions:
    """Zeros, the mean, a copy of an input, and the reference in half precision.

    Whatever the submission is like: if one of the first three passes the problem's own tolerance,
    or the reference answers different inputs alike, the problem proves nothing.

    Known misses: trivial outputs of other kinds.

    Source: PROBES T13; TAXONOMY J1, J3.
    """

    id = "trivial-submissions"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield Experiment("trivial", tuple(Call((Inputs(draw),)) for draw in range(3)), roles=())

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        facts = evidence.run("trivial").facts
        proof = partial(Finding.proof, source=self.id, family=Family.PROBLEM)
        if facts.get("distinct_answers") == 1.0:
            yield proof("constant-reference", claim="gives one answer to all inputs")
        for name in ("zeros", "mean", "copy"):
            if facts.get(f"{name}_refused_share") == 0.0:
                claim = f"accepts an output that takes no work ({name})"
                yield proof("loose-tolerance", claim=claim, accepted=name)
                break
        if facts.get("half_refused_share") == 0.0:
            yield Finding(
                "half-precision-passes", self.id, Family.PROBLEM, Severity.NOTE, Confidence.HIGH,
                "accepts the reference on inputs rounded to half precision",
            )  # fmt: skip
