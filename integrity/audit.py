"""One audit, start to finish."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import integrity
from integrity import operating
from integrity.claims import claims
from integrity.detectors import DETECTORS
from integrity.detectors.detector import Detector
from integrity.detectors.physics_floor import PhysicsFloor, Roofline
from integrity.detectors.speedup import Speedup as SpeedupProbe
from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.operating import OperatingPoint
from integrity.recording import record
from integrity.request import Isolation, Progress, Request
from integrity.rules import RULESET_VERSION
from integrity.verdict import Speedup, Verdict, weigh

if TYPE_CHECKING:
    from integrity.supervision.machine import Machine

Hear = Callable[[Evidence, Sequence[Detector], Progress], Evidence]
Provenance = Mapping[str, str | int | float | None]


@dataclass(frozen=True, slots=True)
class Audit:
    """A finished audit: the verdict, all it rests on, and where it was made."""

    request: Request
    verdict: Verdict
    evidence: Evidence
    provenance: Provenance = field(default_factory=dict)
    """Tool and ruleset version, seed, Python and torch versions, machine, digests."""

    points: tuple[OperatingPoint, ...] = ()
    """Other baselines and workloads, where they were asked for."""

    roofline: Roofline | None = None
    """How near the submission comes to what the device allows; None where that is not known."""


def audit(
    request: Request,
    progress: Progress = lambda step: None,
    detectors: Sequence[Detector] = DETECTORS,
    hear: Hear | None = None,
    warm: "Machine | None" = None,
) -> Audit:
    """Audit one submission: record, then claim, then judge.

    Args:
        request: what to audit, and how.
        progress: told what is going on.
        detectors: whom to ask what the evidence shows.
        hear: adds what a judge says to the evidence; None asks nobody.
        warm: a machine that audits one after another share, which saves starting one for each.

    Raises:
        BadInput: the level or the isolation asked for can't be had on this machine.
    """
    seed = request.seed if request.seed is not None else int.from_bytes(os.urandom(7))
    request = replace(request, seed=seed)
    evidence, isolation = record(request, detectors, progress, warm)
    request = replace(request, task=evidence.task)
    if hear is not None:
        evidence = hear(evidence, detectors, progress)
    progress("reading the evidence")
    findings, abstentions = claims(evidence, detectors)
    speedup = audited_speedup(evidence)
    caps = _caps(isolation, speedup)
    verdict = weigh(findings, abstentions, speedup, request.policy, caps)
    problem = evidence.task.problem
    every = operating.widened(problem, request) if problem else None
    return Audit(
        request, verdict, evidence, _provenance(request, isolation, evidence),
        operating.points(evidence, every), audited_roofline(evidence),
    )  # fmt: skip


def audited_speedup(evidence: Evidence) -> Speedup:
    """What the timed runs say, next to what was claimed."""
    claimed = evidence.claimed_speedup
    try:
        estimate = SpeedupProbe().estimate(evidence)
    except CannotJudge:
        return Speedup(claimed)
    return Speedup(claimed, estimate.ratio, estimate.low, estimate.high)


def audited_roofline(evidence: Evidence) -> Roofline | None:
    """The audited time beside what the device allows."""
    try:
        return PhysicsFloor().roofline(evidence)
    except CannotJudge:
        return None


def _caps(isolation: str, speedup: Speedup) -> list[str]:
    """Why nothing here may be called genuine."""
    caps = []
    if isolation == Isolation.NONE:
        caps.append("it ran without isolation, within reach of everything this user can touch")
    if speedup.claimed and speedup.high is not None and speedup.high < 0.9 * speedup.claimed:
        caps.append(
            f"the claimed {speedup.claimed:.2f}x is not reproduced: here it is at most "
            f"{speedup.high:.2f}x"
        )
    return caps


def _provenance(
    request: Request, isolation: str, evidence: Evidence
) -> dict[str, str | int | float | None]:
    problem = request.task.problem
    return {
        "tool": "kernel-integrity",
        "version": integrity.__version__,
        "ruleset": RULESET_VERSION,
        "level": request.level,
        "policy": request.policy.name,
        "prior": request.policy.prior,
        "seed": request.seed,
        "timeout_s": request.timeout_s,
        "isolation": isolation or None,
        "python": platform.python_version(),
        "torch": _version("torch"),
        "triton": _version("triton"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} "
        f"{platform.release()}",
        **_of_device(evidence),
        "reference": str(problem.path) if problem and problem.path else None,
    }


def _of_device(evidence: Evidence) -> dict[str, str]:
    """The device it ran on and how it was timed; empty for a processor."""
    runs = [run for run in evidence.runs.values() if "device" in run.facts]
    if not runs:
        return {}
    clocks = {str(run.facts["clock"]) for run in runs if run.experiment.timed}
    device = str(runs[0].facts["device"])
    return {"device": device, "clock": ", ".join(sorted(clocks)) or "not timed"}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
