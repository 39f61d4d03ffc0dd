"""Probe C4: the output follows the values, not the addresses they lie at."""

from collections.abc import Iterable, Iterator

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Family, Finding
from integrity.problem import Problem
from integrity.run import Call, Experiment, Inputs, Role

_FIRST, _SECOND = Inputs(0), Inputs(1)
_CALLS = (
    Call((_FIRST,), slot=0),
    Call((_SECOND,), slot=0),  # same pointers, new values
    Call((_SECOND,), slot=1),  # same values, new pointers
    Call((Inputs(1, edit=True),), slot=1),  # one element edited in place
    Call((_FIRST,), slot=0),
    Call((_FIRST,), slot=1),
)
_NAME = "values:pointers"


class Pointers:
    """Same pointers with new values, same values at new pointers, one element edited in place.

    A cache keyed by `data_ptr()`, shape, identity or a sample of the content answers one of these
    calls with another's output; so does a CUDA graph replayed on stale inputs.

    Known misses: a key made of every input byte, which costs as much as many kernels do
    (`repeated-values` times that).

    Source: PROBES C4.
    """

    id = "pointers"
    decisive = True

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield Experiment(_NAME, _CALLS)

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        results = list(evidence.run(_NAME).of(Role.SUBMISSION))
        if not results:
            raise CannotJudge("the submission did not finish a single call")
        if results[0].observed.checks[0].wrong:
            raise CannotJudge("it is wrong from the first call on, so nothing can be told apart")
        wrong = [result.call for result in results if result.observed.checks[0].wrong]
        if wrong:
            yield Finding.proof(
                "pointer-cache",
                self.id,
                Family.CACHING,
                f"is right on fresh buffers and wrong when their contents change "
                f"(call {', '.join(str(call + 1) for call in wrong)} of {len(results)})",
                wrong_calls=len(wrong),
                calls=len(results),
            )
