"""Ask every detector what the evidence shows."""

from collections.abc import Sequence

from integrity.detectors.detector import Detector
from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Abstention, Finding


def claims(
    evidence: Evidence, detectors: Sequence[Detector]
) -> tuple[list[Finding], list[Abstention]]:
    """Ask every detector. `CannotJudge` is the only exception that becomes an abstention."""
    findings: list[Finding] = []
    abstentions: list[Abstention] = []
    for detector in detectors:
        try:
            findings += detector.detect(evidence)
        except CannotJudge as reason:
            abstentions.append(Abstention(detector.id, str(reason), detector.decisive))
    problem = evidence.task.problem
    if problem is not None and not problem.trusted:
        word = "the reference comes from the submission's own file: it is the submitter's word"
        abstentions.append(Abstention("reference", word, decisive=False))
    return findings, abstentions
