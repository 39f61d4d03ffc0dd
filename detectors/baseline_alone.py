"""Probe T12: the baseline before the submission is loaded, and beside it."""

from collections.abc import Iterable, Iterator

from integrity.detectors import habits
from integrity.estimate import ratio_of_medians
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import Experiment, Role


class BaselineAlone:
    """The reference takes the same time alone as with the submission alive between its calls.

    A submission that slows everything else down (clocks, memory, locked pages, children that keep
    running) is faster than a baseline that it made slow. The reference's process is the same one
    before and after, so that its memory lies where it lay.

    Known misses: a slowdown below 30 %. A machine that becomes busy at that moment looks the same,
    and so does an honest kernel that evicts the reference's weights from a cache, so the finding
    moves hardly anything by itself.

    Source: PROBES T12; TAXONOMY A8, D2.
    """

    id = "baseline-alone"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield habits.experiment(seed)

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        run = habits.run_of(evidence)
        beside = [
            result.observed.elapsed_us
            for call, result in habits.clean(run, Role.REFERENCE)
            if habits.ordinary(call) and habits.prompt(call) and habits.seen_before(call)
        ]
        ratio = ratio_of_medians(habits.alone_us(run), beside)
        if habits.clearly_below(ratio):
            yield Finding(
                "slows-the-baseline", self.id, Family.HARNESS, Severity.SUSPICIOUS, Confidence.LOW,
                f"is loaded, and the reference takes {1 / ratio.ratio:.2f} times as long as alone",
                measured=ratio.as_measured(),
            )  # fmt: skip
