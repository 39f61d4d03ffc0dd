"""The native libraries that came with the kernel, against those that the policy forbids."""

from collections.abc import Iterable, Iterator

from integrity.detectors import framework
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import Experiment


class LoadedLibraries:
    """No forbidden library is mapped after the kernel has run that was not there before.

    However it was loaded: `dlopen`, an import, a dependency of something allowed.

    Known misses: a library under another name; one that torch had mapped anyway.

    Source: TAXONOMY G2, H6; the policy's `forbid`.
    """

    id = "loaded-libraries"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield framework.EXPERIMENT

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        ours, reference = framework.traces(evidence)
        for name in evidence.policy.forbid:
            found = [
                library
                for library in ours.libraries
                if name.lower() in library.lower() and library not in reference.libraries
            ]
            if found:
                yield Finding(
                    "forbidden-library", self.id, Family.AUTHENTICITY, Severity.HACK,
                    Confidence.HIGH, f"loads {found[0]}, which the policy forbids ({name})",
                    measured={"libraries": len(found)},
                )  # fmt: skip
