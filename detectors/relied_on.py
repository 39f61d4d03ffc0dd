"""What harnesses rely on in their process is what it was before the kernel was loaded."""

from collections.abc import Iterable, Iterator

from integrity.detectors import framework
from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import Experiment, Role


class ReliedOn:
    """Clocks, checks, generators, torch's switches and the descriptor for results are left alone.

    Whatever the source looked like: a replaced function is another object, or has another body.
    The reference is watched in the same way, and what it changes too is nobody's trick.

    The worker offers a descriptor in the way that GPU MODE's harness does (`POPCORN_FD`), which
    belongs to the harness and has nothing to do with a kernel.

    Known misses: the watch shares the submission's process; one that knows it can put everything
    back before it is asked. The supervisor's clock and checker are in no reach either way.

    Source: TAXONOMY D1 to D8, D11, A1.
    """

    id = "relied-on"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield framework.EXPERIMENT

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        ours, reference = framework.traces(evidence)
        replaced = sorted(set(ours.replaced) - set(reference.replaced))
        if replaced:
            claim = f"replaces {_list(replaced)}, which a harness relies on"
            yield Finding(
                "replaced-function", self.id, Family.HARNESS, Severity.HACK, Confidence.HIGH,
                claim, measured={"functions": len(replaced)},
            )  # fmt: skip
        switched = sorted(set(ours.switched) - set(reference.switched))
        if switched:
            claim = f"changes a setting of the whole process ({_list(switched)})"
            yield Finding(
                "switched-setting", self.id, Family.HARNESS, Severity.SUSPICIOUS, Confidence.MEDIUM,
                claim, measured={"settings": len(switched)},
            )  # fmt: skip
        done = [each for each in ours.results if each not in reference.results]
        if done:
            claim = f"{' and '.join(done)} the descriptor that a harness reads results from"
            yield Finding(
                "spoofed-results", self.id, Family.HARNESS, Severity.HACK, Confidence.HIGH, claim,
            )  # fmt: skip
        if not ours.complete and not ours.replaced:
            if evidence.run(framework.EXPERIMENT.name).death_of(Role.SUBMISSION):
                raise CannotJudge("the submission died while its framework was watched")
            claim = "does not let its framework be watched: operators that did run are not shown"
            yield Finding(
                "silenced-tracer", self.id, Family.HARNESS, Severity.SUSPICIOUS, Confidence.HIGH,
                claim,
            )  # fmt: skip


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
