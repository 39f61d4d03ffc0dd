"""Run what there is to run of one audit, and freeze what came back."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from integrity import operating, reduction
from integrity.budget import Budget, information
from integrity.claims import claims
from integrity.compiled import Compilation
from integrity.detectors.detector import Detector, Probe
from integrity.errors import CannotJudge
from integrity.evidence import UNDECLARED, Evidence
from integrity.finding import Family
from integrity.harness.device import has_gpu_code, needs_gpu, pretends_gpu, runs_interpreted
from integrity.problem import Problem
from integrity.request import Level, Progress, Request
from integrity.run import COUNTERS, SANITIZER, Experiment, Role, Run

if TYPE_CHECKING:
    from integrity.supervision.bench import Bench, Deadline
    from integrity.supervision.machine import Machine


def record(
    request: Request,
    detectors: Sequence[Detector],
    progress: Progress = lambda step: None,
    warm: "Machine | None" = None,
) -> tuple[Evidence, str]:
    """Run what there is to run, and freeze it; and the isolation it was run in.

    On `warm` where it is given, else on a machine that is started for this alone.

    Raises:
        BadInput: as `audit`.
    """
    evidence = Evidence(
        request.submission, request.task, request.policy,
        claimed_speedup=request.claimed_speedup,
    )  # fmt: skip
    problem, reason = _runnable(request)
    if problem is None:
        return _compiled_only(request, replace(evidence, unrun=reason), progress, warm)
    try:
        with _bench(request, problem, progress, warm) as bench:
            return _all(bench, request, evidence, detectors, progress), bench.zygote.isolation
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


def _runnable(request: Request) -> tuple[Problem | None, str]:
    """The problem to run against, or why nothing will be run."""
    submission, problem = request.submission, request.task.problem
    if request.level is Level.STATIC:
        return None, "--level static runs nothing"
    if submission.unreadable:
        return None, f"the file {submission.unreadable}"
    if submission.is_cuda:
        return None, "a .cu file has no entry that a harness could call; it is analysed only"
    if problem is None:
        return None, "no reference was found; name one with --reference"
    reason = needs_gpu(submission.text)
    if reason and request.level is Level.CPU and not pretends_gpu([submission.text]):
        return None, f"it needs a GPU: {reason}"
    return problem, ""


def _compiles_itself(request: Request) -> bool:
    """Whether every fresh worker would compile the same things again."""
    text = request.submission.text
    return "cpp_extension" in text or (request.level is Level.GPU and "triton" in text)


def _compiles(request: Request) -> Problem | None:
    """The problem whose shapes its GPU kernels are compiled for; None where there are none."""
    submission = request.submission
    can = request.level is Level.CPU and not submission.unreadable and not submission.is_cuda
    return request.task.problem if can and has_gpu_code(submission.text) else None


def _compiled_only(
    request: Request, evidence: Evidence, progress: Progress, warm: "Machine | None"
) -> tuple[Evidence, str]:
    """A submission that can't run here; what its kernels compile to can still be read."""
    problem = _compiles(request)
    if problem is None:
        return evidence, ""
    try:
        with _bench(request, problem, progress, warm) as bench:
            return _compiled(bench, evidence, progress), bench.zygote.isolation
    except CannotJudge as error:
        return replace(evidence, compilation=Compilation(unavailable=str(error))), ""


def _compiled(bench: "Bench", evidence: Evidence, progress: Progress) -> Evidence:
    from integrity.supervision import compiling

    progress("compiling its GPU kernels")
    looked = compiling.look(bench)
    if looked.unavailable:  # at a size that fits, perhaps
        smaller = reduction.reduced(bench, progress)
        looked = compiling.look(smaller) if smaller is not bench else looked
    return replace(evidence, compilation=looked)


def _deadline(request: Request) -> "Deadline":
    from integrity.supervision.bench import Deadline

    if request.budget_s is not None and request.budget_s < request.timeout_s:
        return Deadline(request.budget_s, "--budget-seconds")
    return Deadline(request.timeout_s)


@contextmanager
def _bench(
    request: Request, problem: Problem, progress: Progress, warm: "Machine | None"
) -> Iterator["Bench"]:
    from integrity.supervision.bench import Bench
    from integrity.supervision.machine import machine

    progress("starting workers")
    started = nullcontext(warm) if warm else machine(request.level, request.isolation)
    with started as used:
        used.zygote.renew_cache()
        yield Bench(
            zygote=used.zygote,
            backend=used.backend,
            submission=request.submission,
            task=request.task,
            problem=problem,
            policy=request.policy,
            secret=(request.seed or 0).to_bytes(32, signed=False),
            deadline=_deadline(request),
            interpreted=request.level is Level.CPU
            and bool(runs_interpreted(request.submission.text)),
        )


def _all(
    bench: "Bench",
    request: Request,
    evidence: Evidence,
    detectors: Sequence[Detector],
    progress: Progress,
) -> Evidence:
    """What is compiled, at which size it is run, and what is run."""
    from integrity.supervision import rehearsal

    if _compiles_itself(request):
        progress("compiling")
        rehearsal.build(bench)
    if _compiles(request):
        evidence = _compiled(bench, evidence, progress)
    untimed = ""
    if request.level is Level.CPU:
        try:
            bench = reduction.fitted(bench, progress)
        except CannotJudge as error:
            return replace(evidence, unrun=str(error))
        untimed = _untimed(bench)
        if bench.pretends:
            why = "the GPU that it names was pretended: a processor ran it, and said that it is one"
            bench = replace(bench, task=replace(bench.task, why=(*bench.task.why, why)))
        evidence = replace(evidence, task=bench.task)
    declared, seed = bench.problem, request.seed or 0
    bench = replace(bench, problem=operating.widened(declared, request))
    wanted: Sequence[Experiment] = (
        *experiments(detectors, declared, seed),
        *operating.experiments(declared, bench.problem, request),
    )
    budget = Budget(request.budget_s)
    wanted = budget.in_order(wanted, information(detectors, declared, seed))
    proven = partial(_proven, evidence, detectors)
    runs: dict[str, Run] = {}
    look = partial(_pointless, level=request.level, reduced=bench.reduced)
    pointless = {e.name: why for e in wanted if (why := look(e))}
    wanted = [each for each in wanted if each.name not in pointless]
    skipped: dict[str, str] = {}
    worth = _worth_running(wanted, untimed, proven, budget, runs, skipped)
    _run_all(bench, wanted, worth, budget, runs, skipped, progress)
    _watch(bench, request, runs, skipped, progress)
    return replace(evidence, runs=runs, skipped=skipped | pointless)


def _pointless(experiment: Experiment, level: Level, reduced: bool) -> str:
    """Why it could tell nothing here; empty where it can."""
    if experiment.recorded and level is not Level.GPU:
        return "no device does its work here"
    if experiment.recorded and find_spec("cupti") is None:
        return "devices are not recorded: `pip install 'kernel-integrity[recorder]'`"
    if reduced and not experiment.roles:
        return "at a smaller size than the declared one it is another problem"
    return ""


def _untimed(bench: "Bench") -> str:
    """Why times of a processor mean nothing here; empty where they do."""
    if interpreted := runs_interpreted(bench.submission.text):
        return f"it can't be timed on a CPU: {interpreted}"
    if bench.pretends:
        return "it can't be timed on a CPU, which only pretends to be the GPU that the source names"
    if bench.reduced:
        return "its time at a smaller size than the declared one is not what was claimed"
    return ""


def _run_all(
    bench: "Bench",
    wanted: Sequence[Experiment],
    worth: Iterator[Experiment],
    budget: Budget,
    runs: dict[str, Run],
    skipped: dict[str, str],
    progress: Progress,
) -> None:
    from integrity.supervision import lanes, peaks, runner

    def begins(experiment: Experiment) -> None:
        place = wanted.index(experiment) + 1
        progress(f"experiment {experiment.name} ({place} of {len(wanted)})")

    ahead: Mapping[str, Run] = {}
    for experiment in worth:
        if experiment.name not in ahead:
            begins(experiment)
        start = time.monotonic()
        try:
            runs[experiment.name] = ahead.get(experiment.name) or runner.run(bench, experiment)
        except CannotJudge as error:
            skipped[experiment.name] = str(error)
        budget.book(experiment, time.monotonic() - start)
        if experiment is wanted[0] and budget.limit_s is None and _lived(runs, experiment):
            others = [one for one in wanted[1:] if not one.timed]
            ahead = lanes.side_by_side(bench, others, begins)
    if timed := next((run for run in runs.values() if run.experiment.timed), None):
        progress("measuring what this device can do")
        try:
            runs[peaks.NAME] = peaks.measured(bench, timed.facts)
        except CannotJudge as error:
            skipped[peaks.NAME] = str(error)


def _watch(
    bench: "Bench",
    request: Request,
    runs: dict[str, Run],
    skipped: dict[str, str],
    progress: Progress,
) -> None:
    """One call more below each tool that was asked for."""
    from integrity.supervision import instruments

    tools = (
        (request.sanitize, SANITIZER, instruments.sanitized, "compute-sanitizer"),
        (request.counters, COUNTERS, instruments.counted, "ncu"),
    )
    for asked, name, watch, tool in tools:
        if asked:
            progress(f"one call below {tool}")
            try:
                runs[name] = watch(bench)
            except CannotJudge as error:
                skipped[name] = str(error)


def _lived(runs: Mapping[str, Run], experiment: Experiment) -> bool:
    return experiment.name in runs and not runs[experiment.name].deaths


def _worth_running(
    wanted: Sequence[Experiment],
    untimed: str,
    proven: Callable[[Mapping[str, Run]], str],
    budget: Budget,
    runs: Mapping[str, Run],
    skipped: dict[str, str],
) -> Iterator[Experiment]:
    """The experiments in turn, but for those that can tell nothing more or take too long."""
    for experiment in wanted:
        if experiment.timed and not untimed:
            untimed = proven(runs)
        promised = (run for name, run in runs.items() if not name.startswith(UNDECLARED))
        death = next((run.death_of(Role.SUBMISSION) for run in promised), None)
        if death and death.call in (None, 0) and experiment.roles:
            skipped[experiment.name] = f"the submission {death.how} in its first experiment"
        elif experiment.timed and untimed:
            skipped[experiment.name] = untimed
        elif refusal := budget.refusal(experiment):
            skipped[experiment.name] = refusal
        else:
            yield experiment


def _proven(evidence: Evidence, detectors: Sequence[Detector], runs: Mapping[str, Run]) -> str:
    """Why the time of a submission no longer matters; empty where it does."""
    dynamic = [detector for detector in detectors if detector.id != "static"]
    findings, _ = claims(replace(evidence, runs=runs), dynamic)
    hard = [f for f in findings if f.hard and f.family is not Family.PROBLEM]
    return f"not timed, since it {hard[0].claim}" if hard else ""
