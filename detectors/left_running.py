"""Probe T11: between done and the next call the worker has nothing to do."""

from collections.abc import Iterable, Iterator, Sequence

from integrity.detectors import habits
from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import CallResult, Experiment, Role

_LONG_US = 10_000
_BUSY, _MOSTLY = 0.5, 0.75


class LeftRunning:
    """After done no processor time is used, no process is left, and threads do not pile up.

    All three are the kernel's books on the worker's process tree, read from outside. A pool of
    threads that is started once and sleeps is honest; some OpenMP runtimes let theirs poll for a
    while, so that busy threads alone weigh little.

    Known misses: what sleeps until the gate opens; kernels that stay on a GPU (`late-write` sees
    what they write).

    Source: PROBES T11; TAXONOMY A3. Gold gate: the reference in the same calls.
    """

    id = "left-running"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield habits.experiment(seed)

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        run = habits.run_of(evidence)
        ours, control = (
            [r for r in run.of(role) if r.call >= run.experiment.warmups]
            for role in (Role.SUBMISSION, Role.REFERENCE)
        )
        if not ours or not control:
            raise CannotJudge("the submission did not finish a single call")
        left = min(result.observed.children for result in ours)
        if left > max(result.observed.children for result in control):
            claim = f"leaves {left} processes running after it is done"
            yield self._finding("leaves-processes", Confidence.MEDIUM, claim, children=left)
        more = _grown(ours)
        if more > len(ours) / 2 > _grown(control):
            claim = f"leaves {more} more threads behind after {len(ours)} calls"
            yield self._finding("leaves-threads", Confidence.LOW, claim, threads=more, n=len(ours))
        calls = run.experiment.calls
        busy, honest = (
            _busy_share([r for r in results if calls[r.call].gap_us >= _LONG_US])
            for results in (ours, control)
        )
        if busy >= _MOSTLY and honest == 0:
            claim = "goes on using a processor after it is done"
            yield self._finding("busy-when-done", Confidence.LOW, claim, busy_share=busy)

    def _finding(
        self, name: str, confidence: Confidence, claim: str, **measured: float | int
    ) -> Finding:
        return Finding(
            name, self.id, Family.TIMING, Severity.SUSPICIOUS, confidence, claim,
            measured=dict(measured),
        )  # fmt: skip


def _grown(results: Sequence[CallResult]) -> int:
    """How many more threads there are after the last call than after the first."""
    return results[-1].observed.threads - results[0].observed.threads


def _busy_share(results: Sequence[CallResult]) -> float:
    """Share of the calls after which half of a long pause or more was worked through."""
    busy = sum(result.observed.idle_cpu_us > _BUSY * _LONG_US for result in results)
    return busy / len(results) if results else 0.0
