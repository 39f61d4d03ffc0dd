"""One audit, start to finish."""

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import integrity
from integrity.compiled import Compilation
from integrity.detectors import DETECTORS
from integrity.detectors.detector import Detector, Probe
from integrity.detectors.speedup import Speedup as SpeedupProbe
from integrity.errors import BadInput, CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Abstention, Family, Finding
from integrity.harness.device import has_gpu_code, needs_gpu, runs_interpreted
from integrity.policy import GENERATOR, Policy
from integrity.problem import Problem, Task
from integrity.rules import RULESET_VERSION
from integrity.run import Experiment, Role, Run
from integrity.submission import Submission
from integrity.verdict import Speedup, Verdict, weigh

if TYPE_CHECKING:
    from integrity.supervision.runner import Bench


class Level(StrEnum):
    """How far an audit goes. Each level includes the one before."""

    STATIC = "static"  # reads the source; nothing is run
    CPU = "cpu"  # runs it, supervised, on this machine's processor
    GPU = "gpu"  # the same on a CUDA device


class Isolation(StrEnum):
    """How a worker is kept in; see docs/threat-model.md."""

    AUTO = "auto"
    NAMESPACES = "namespaces"
    LANDLOCK = "landlock"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Request:
    """One audit as the user asked for it."""

    submission: Submission
    task: Task
    policy: Policy = GENERATOR
    level: Level = Level.CPU
    seed: int | None = None
    """None draws one from the system's CSPRNG, so that no submission can know it."""

    timeout_s: float = 120.0
    """Wall-clock budget of everything that runs the submission."""

    isolation: Isolation = Isolation.AUTO
    claimed_speedup: float | None = None


Provenance = Mapping[str, str | int | float | None]


@dataclass(frozen=True, slots=True)
class Audit:
    """A finished audit: the verdict, all it rests on, and where it was made."""

    request: Request
    verdict: Verdict
    evidence: Evidence
    provenance: Provenance = field(default_factory=dict)
    """Tool and ruleset version, seed, Python and torch versions, machine, digests."""


Progress = Callable[[str], None]
"""Told, in a few words, what the audit is doing now."""


def audit(
    request: Request,
    progress: Progress = lambda step: None,
    detectors: Sequence[Detector] = DETECTORS,
) -> Audit:
    """Audit one submission: record, then claim, then judge.

    Raises:
        BadInput: the level or the isolation asked for can't be had on this machine.
    """
    seed = request.seed if request.seed is not None else int.from_bytes(os.urandom(7))
    request = replace(request, seed=seed)
    evidence, isolation = record(request, detectors, progress)
    progress("reading the evidence")
    findings, abstentions = claims(evidence, detectors)
    speedup = audited_speedup(evidence)
    caps = _caps(isolation, speedup)
    verdict = weigh(findings, abstentions, speedup, request.policy, caps)
    return Audit(request, verdict, evidence, _provenance(request, isolation))


def record(
    request: Request, detectors: Sequence[Detector], progress: Progress = lambda step: None
) -> tuple[Evidence, str]:
    """Run what there is to run, and freeze it; and the isolation it was run in.

    Raises:
        BadInput: as `audit`.
    """
    evidence = Evidence(
        request.submission, request.task, request.policy,
        claimed_speedup=request.claimed_speedup,
    )  # fmt: skip
    problem, reason = _runnable(request)
    if problem is None:
        return _compiled_only(request, replace(evidence, unrun=reason), progress)
    wanted = experiments(detectors, problem, request.seed or 0)
    proven = partial(_proven, evidence, detectors)
    try:
        return _run_all(request, evidence, problem, wanted, proven, progress)
    except CannotJudge as error:
        return replace(evidence, unrun=str(error)), ""


def experiments(
    detectors: Sequence[Detector], problem: Problem, seed: int
) -> tuple[Experiment, ...]:
    """What all probes ask for, each experiment once."""
    wanted: dict[str, Experiment] = {}
    for detector in detectors:
        if isinstance(detector, Probe):
            for experiment in detector.experiments(problem, seed):
                wanted.setdefault(experiment.name, experiment)
    return tuple(wanted.values())


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


def _runnable(request: Request) -> tuple[Problem | None, str]:
    """The problem to run against, or why nothing will be run."""
    submission, problem = request.submission, request.task.problem
    if request.level is Level.STATIC:
        return None, "--level static runs nothing"
    if request.level is Level.GPU:
        raise BadInput("this version has no CUDA backend yet; use --level cpu or --level static")
    if submission.unreadable:
        return None, f"the file {submission.unreadable}"
    if submission.is_cuda:
        return None, "a .cu file is analysed here and run on a GPU only"
    if problem is None:
        return None, "no reference was found; name one with --reference"
    if reason := needs_gpu(submission.text):
        return None, f"it needs a GPU: {reason}"
    return problem, ""


def _compiles(request: Request) -> Problem | None:
    """The problem whose shapes its GPU kernels are compiled for; None where there are none."""
    submission = request.submission
    can = request.level is Level.CPU and not submission.unreadable and not submission.is_cuda
    return request.task.problem if can and has_gpu_code(submission.text) else None


def _compiled_only(
    request: Request, evidence: Evidence, progress: Progress
) -> tuple[Evidence, str]:
    """A submission that can't run here; what its kernels compile to can still be read."""
    problem = _compiles(request)
    if problem is None:
        return evidence, ""
    try:
        with _bench(request, problem, progress) as bench:
            return _compiled(bench, evidence, progress), bench.zygote.isolation
    except CannotJudge as error:
        return replace(evidence, compilation=Compilation(unavailable=str(error))), ""


def _compiled(bench: "Bench", evidence: Evidence, progress: Progress) -> Evidence:
    from integrity.supervision import compiling

    progress("compiling its GPU kernels")
    return replace(evidence, compilation=compiling.look(bench))


@contextmanager
def _bench(request: Request, problem: Problem, progress: Progress) -> Iterator["Bench"]:
    from integrity.supervision import backend, runner, workers

    progress("starting workers")
    with workers.Zygote(request.isolation) as zygote:
        yield runner.Bench(
            zygote=zygote,
            backend=backend.CpuBackend(),
            submission=request.submission,
            task=request.task,
            problem=problem,
            policy=request.policy,
            secret=(request.seed or 0).to_bytes(32, signed=False),
            deadline=runner.Deadline(request.timeout_s),
        )


def _run_all(
    request: Request,
    evidence: Evidence,
    problem: Problem,
    wanted: Sequence[Experiment],
    proven: Callable[[Mapping[str, Run]], str],
    progress: Progress,
) -> tuple[Evidence, str]:
    from integrity.supervision import runner

    with _bench(request, problem, progress) as bench:
        if "cpp_extension" in request.submission.text:
            progress("compiling")
            runner.build(bench)
        if _compiles(request):
            evidence = _compiled(bench, evidence, progress)
        runs: dict[str, Run] = {}
        skipped: dict[str, str] = {}
        for experiment in _worth_running(request, wanted, proven, runs, skipped):
            progress(f"experiment {experiment.name} ({len(runs) + 1} of {len(wanted)})")
            try:
                runs[experiment.name] = runner.run(bench, experiment)
            except CannotJudge as error:
                skipped[experiment.name] = str(error)
        return replace(evidence, runs=runs, skipped=skipped), bench.zygote.isolation


def _worth_running(
    request: Request,
    wanted: Sequence[Experiment],
    proven: Callable[[Mapping[str, Run]], str],
    runs: Mapping[str, Run],
    skipped: dict[str, str],
) -> Iterator[Experiment]:
    """The experiments in turn, but for those that can tell nothing more; untimed ones first."""
    untimed = runs_interpreted(request.submission.text)
    if untimed:
        untimed = f"it can't be timed on a CPU: {untimed}"
    for experiment in sorted(wanted, key=lambda each: each.timed):
        if experiment.timed and not untimed:
            untimed = proven(runs)
        death = next((run.death_of(Role.SUBMISSION) for run in runs.values()), None)
        if death and death.call in (None, 0) and experiment.roles:
            skipped[experiment.name] = f"the submission {death.how} in its first experiment"
        elif experiment.timed and untimed:
            skipped[experiment.name] = untimed
        else:
            yield experiment


def _proven(evidence: Evidence, detectors: Sequence[Detector], runs: Mapping[str, Run]) -> str:
    """Why the time of a submission no longer matters; empty where it does."""
    dynamic = [detector for detector in detectors if detector.id != "static"]
    findings, _ = claims(replace(evidence, runs=runs), dynamic)
    hard = [f for f in findings if f.hard and f.family is not Family.PROBLEM]
    return f"not timed, since it {hard[0].claim}" if hard else ""


def audited_speedup(evidence: Evidence) -> Speedup:
    """What the timed runs say, next to what was claimed."""
    claimed = evidence.claimed_speedup
    try:
        estimate = SpeedupProbe().estimate(evidence)
    except CannotJudge:
        return Speedup(claimed)
    return Speedup(claimed, estimate.ratio, estimate.low, estimate.high)


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


def _provenance(request: Request, isolation: str) -> dict[str, str | int | float | None]:
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
        "reference": str(problem.path) if problem and problem.path else None,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
