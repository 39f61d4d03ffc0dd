"""Who computed the answer: a kernel of the submission's own, or operators of torch's alone."""

from collections.abc import Iterable, Iterator

from integrity.detectors import framework
from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.harness.device import has_gpu_code, may_fall_back
from integrity.problem import Problem
from integrity.run import PRETENDED, REDUCED, Experiment


class LibraryWork:
    """Something other than torch's operators had a hand in the answer.

    Every operator is seen at the dispatcher, from Python and from C++. An output that operators
    computed from the arguments on, through nothing that anyone else has written to, owes nothing to
    a kernel in the file: it is a decoy, never runs, or failed and fell back.

    On a processor, a submission with GPU kernels that asks whether there is a device is not judged:
    what runs there is its fallback. Nor is one with GPU kernels at a smaller size than the declared
    one.

    Known misses: what calls a vendor library past the dispatcher; torch.compile. A submission whose
    kernel did a part of the work is fine here, however small the part.

    Source: TAXONOMY G1 to G5, G8.
    """

    id = "library-work"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield framework.EXPERIMENT

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        ours, _ = framework.traces(evidence)
        if evidence.policy.allow_library_only or not 0 < ours.calls <= ours.library_answers:
            return
        facts = evidence.run(framework.EXPERIMENT.name).facts
        asked = may_fall_back(evidence.submission.text)
        if asked and not {"device", PRETENDED} & facts.keys():
            raise CannotJudge("it asks for a device, and what ran without one may be its way round")
        if REDUCED in facts and has_gpu_code(evidence.submission.text):
            raise CannotJudge("what ran at a smaller size may be its way round for small problems")
        largest = sorted(ours.operations, key=lambda each: each.elements, reverse=True)[:3]
        names = ", ".join(operation.kind for operation in largest)
        claim = f"computes its answer with the library alone ({names}); no kernel of its own did"
        yield Finding(
            "library-does-the-work", self.id, Family.AUTHENTICITY, Severity.HACK, Confidence.HIGH,
            claim, measured={"calls": ours.calls},
        )  # fmt: skip
