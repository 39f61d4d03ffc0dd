"""Fewer bits than the reference computes in, within the tolerance."""

from collections.abc import Iterable
from statistics import median

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.policy import Precision as Permitted

_FACTOR, _LEAST_ERROR = 50.0, 2e-5


class Precision:
    """The error against the float64 reference is of the size that the reference's own dtype makes.

    TF32 and float16 round to 11 bits, an error of about 2e-4 where float32 makes 1e-7. A factor
    of 50 leaves room for fast-math functions and reordered sums, and 2e-5 is out of their reach.

    Known misses: low precision in a part of the output that the RMS does not show.

    Source: TAXONOMY F1, F2; unit round-offs of IEEE 754 and TF32.
    """

    id = "precision"
    decisive = True

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        if evidence.policy.precision is not Permitted.REFERENCE:
            return
        checks = [c for _, r in evidence.calls() for c in r.observed.checks if not c.wrong]
        if not checks:
            raise CannotJudge("there is no right output to measure the error of")
        error = median(check.error for check in checks)
        honest = median(check.reference_error for check in checks)
        if error > _LEAST_ERROR and error > _FACTOR * honest:
            yield Finding(
                "fewer-bits",
                self.id,
                Family.PRECISION,
                Severity.HACK,
                Confidence.HIGH,
                f"errs by {error:.1e} where the reference's own dtype errs by {honest:.1e}",
                measured={"relative_error": error, "reference_error": honest, "n": len(checks)},
            )
