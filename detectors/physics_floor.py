"""Probe T1: no call takes less time than its bytes and its arithmetic need."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from integrity.detectors.speedup import LIFETIMES
from integrity.detectors.trivial_submissions import TrivialSubmissions
from integrity.errors import CannotJudge
from integrity.estimate import Time, calibrated_time, window_time
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.floors import Floor, Work, compute_floor, memory_floor, roofline, window_floor
from integrity.peaks import Peaks, Rates
from integrity.policy import Precision
from integrity.problem import Problem
from integrity.run import Experiment, Role, Run

_MARGIN = 0.9
_SLACK_US = {True: 1.0, False: 20.0}
"""What the clock of a window may be off, on a GPU and on a processor: docs/supervision.md."""


@dataclass(frozen=True, slots=True)
class Roofline:
    """The audited time of one call beside what its device allows."""

    time: Time
    floor: Floor
    device: str

    @property
    def share(self) -> float:
        """1 where it is as fast as the device allows."""
        return self.floor.us / self.time.us


class PhysicsFloor:
    """The audited time is not below what memory and arithmetic take at the device's peaks.

    Bytes and operations are derived from the reference, peaks from data sheets and from
    measurements here, whichever are larger; a floor counts only what no honest kernel can do
    without, and a time is below it where its whole 95 % interval is, by 10 % and by what the clock
    may be off. A whole window below its bytes is proof. A calibrated time below them is strong but
    not proof: it is a difference of two measurements. One below the reference's arithmetic is weak,
    because algebra may need less.

    Known misses: what is left out of the derivation (weights, masked or data-dependent reads,
    unknown operators); problems whose answer may be a view; a processor's caches, whose rates
    nobody promises; fabrications that stay above the floor.

    Source: PROBES T1; docs/floors.md derives every term.
    """

    id = "physics-floor"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        """The oracle derives the work where it answers trivial submissions; times are paired."""
        yield from TrivialSubmissions().experiments(problem, seed)

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        runs, work, peaks = _facts(evidence)
        yield from below_floor(runs, work, peaks, evidence.policy.precision)

    def roofline(self, evidence: Evidence) -> Roofline:
        """The audited time beside the roofline.

        Raises:
            CannotJudge: nothing was timed, or nothing can be derived.
        """
        runs, work, peaks = _facts(evidence)
        floor = roofline(work, peaks, evidence.policy.precision)
        return Roofline(calibrated_time(runs, Role.SUBMISSION), floor, peaks.device)


def below_floor(
    runs: Sequence[Run], work: Work, peaks: Peaks, precision: Precision
) -> Iterator[Finding]:
    """The strongest floor that the submission's times in these runs are below."""
    whole = window_time(runs, Role.SUBMISSION)
    least = window_floor(work, peaks, whole.width)
    if whole.high_us < _MARGIN * least.us:
        yield Finding.proof(
            PhysicsFloor.id, PhysicsFloor.id, Family.TIMING,
            f"was done {whole.us:.3g} us a call after the gate had opened; reading its inputs and "
            f"writing its outputs takes {least.us:.3g} us at the most that {peaks.device} can move",
            **_measured(whole, least),
        )  # fmt: skip
        return
    time = calibrated_time(runs, Role.SUBMISSION)
    slack_us = _SLACK_US[peaks.cold] / time.width
    for floor, severity, confidence in (
        (memory_floor(work, peaks), Severity.HACK, _confidence(peaks)),
        (compute_floor(work, peaks, precision), Severity.SUSPICIOUS, Confidence.LOW),
    ):
        if time.high_us + slack_us < _MARGIN * floor.us:
            yield Finding(
                PhysicsFloor.id, PhysicsFloor.id, Family.TIMING, severity, confidence,
                f"takes {time.us:.3g} us a call, where its {floor.bound} floor on {peaks.device} "
                f"is {floor.us:.3g} us",
                measured=_measured(time, floor),
            )  # fmt: skip
            return


def _confidence(peaks: Peaks) -> Confidence:
    """A measured rate may have been measured on a bad day."""
    return Confidence.MEDIUM if peaks.limit == peaks.ceiling else Confidence.LOW


def _facts(evidence: Evidence) -> tuple[list[Run], Work, Peaks]:
    """The timed runs, and what their floors are made of."""
    runs = [evidence.run(f"pairs-{number + 1}") for number in range(LIFETIMES)]
    work = Work.of_facts(evidence.run("trivial").facts)
    if work is None:
        raise CannotJudge("the work of the problem was not derived")
    if "device" not in runs[0].facts:
        evidence.run("peaks")  # a processor has no data sheet to fall back on
    peaks = peaks_of(runs[0], evidence.runs.get("peaks"))
    if not roofline(work, peaks).us:
        raise CannotJudge("no byte and no operation of the problem can be counted on")
    return runs, work, peaks


def peaks_of(timed: Run, measured: Run | None) -> Peaks:
    """Of the device that it was timed on; by its data sheet alone where nothing was measured."""
    facts = measured.facts if measured else {}
    rates, cache_bytes = Rates.of_facts(facts), float(facts.get("cache_bytes", 0.0))
    if device := timed.facts.get("device"):
        return Peaks.of_accelerator(str(device), rates, cache_bytes)
    return Peaks.of_processor(rates, int(timed.facts["threads"]), cache_bytes)


def _measured(time: Time, floor: Floor) -> dict[str, float | int | str]:
    return {
        "time_us": time.us,
        "low_us": time.low_us,
        "high_us": time.high_us,
        "floor_us": floor.us,
        "floor_share": floor.us / time.us,
        "bound": floor.bound.value,
        "windows": time.n,
    }
