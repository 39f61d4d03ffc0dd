"""The same shapes launch the same kernels, call after call."""

from collections import Counter
from collections.abc import Iterable, Iterator

from integrity.detectors import device_work
from integrity.device_trace import DeviceTrace
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import Experiment

_Signature = frozenset[tuple[object, int]]


class LaunchSignature:
    """Past its first calls a submission launches the same kernels in the same grids.

    The calls come from two call sites, on values that are new or were seen before; none of it is a
    reason to launch something else. Who counts calls, knows a caller or keeps answers does.
    Compiling and tuning belong to the first two calls, which do not count.

    Known misses: who behaves in all calls of one process; one kernel that decides for itself what
    to do. Grids that follow the values are honest, and so this alone only raises suspicion.

    Source: TAXONOMY A6, C4, E; PROBES T8. Gold gate: the reference launches the same in each call.
    """

    id = "launch-signature"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield device_work.EXPERIMENT

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        if not device_work.applies(evidence):
            return
        ours, reference = device_work.whole(evidence)
        different, control = _signatures(ours), _signatures(reference)
        if len(different) > 1 >= len(control):
            sizes = sorted(sum(count for _, count in signature) for signature in different)
            claim = (
                "launches other kernels in some of its calls: "
                f"from {sizes[0]} to {sizes[-1]} a call"
            )
            yield Finding(
                "changing-launches", self.id, Family.INPUT, Severity.SUSPICIOUS, Confidence.MEDIUM,
                claim, measured={"signatures": len(different)},
            )  # fmt: skip


def _signatures(trace: DeviceTrace) -> set[_Signature]:
    """What the warm calls launched: kernels and grids, and how often each."""
    found: set[_Signature] = set()
    for call in device_work.warm_calls(trace):
        launched = ((k.name, k.grid, k.block) for k in device_work.kernels(trace, call))
        found.add(frozenset(Counter(launched).items()))
    return found
