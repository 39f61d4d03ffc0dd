"""Many audits, in input order, none of which can stop the others."""

import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from integrity.audit import Audit, Hear, audit
from integrity.detectors import DETECTORS
from integrity.detectors.detector import Detector
from integrity.detectors.static import Static
from integrity.errors import BadInput, CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Abstention
from integrity.harness import UNKNOWN, load_task
from integrity.policy import LEADERBOARD, Policy
from integrity.problem import Task
from integrity.request import Isolation, Level, Request
from integrity.rules.analyser import Analyser
from integrity.submission import Submission
from integrity.verdict import Label, Speedup, Verdict

if TYPE_CHECKING:
    from integrity.supervision.machine import Machine

SUFFIXES = {".py", ".cu", ".cuh"}
OF_THE_PROBLEM = {
    "__init__.py",
    "conftest.py",
    "eval.py",
    "problem.py",
    "reference.py",
    "setup.py",
    "task.py",
    "utils.py",
}
AHEAD = 4
"""Audits begun for each job before the first is handed on: bounds memory, keeps jobs busy."""


@dataclass(frozen=True, slots=True)
class Screened:
    """One file's audit; `bug` holds the traceback where this tool failed on it."""

    audit: Audit
    bug: str = ""


def kernels(paths: Iterable[Path], reference: Path | None = None) -> Iterator[Path]:
    """The files named, and in directories those that look like submissions, sorted.

    Raises:
        BadInput: a path does not exist, or nothing is there to screen.
    """
    found = []
    for path in paths:
        if not path.exists():
            raise BadInput(f"{path} does not exist; check the path")
        found += _walk(path) if path.is_dir() else [path]
    if reference is not None:
        if not reference.is_file():
            raise BadInput(f"{reference} is no file; check --reference")
        found = [path for path in found if not path.samefile(reference)]
    if not found:
        raise BadInput("nothing to screen: no .py, .cu or .cuh file that is not of a problem")
    return iter(found)


def _walk(folder: Path) -> list[Path]:
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__pycache__")))
        for name in names:
            if Path(name).suffix in SUFFIXES and name not in OF_THE_PROBLEM and name[0] != ".":
                found.append(Path(place, name))
    return sorted(found)


@dataclass(frozen=True, slots=True)
class Screening:
    """How to audit each of many files."""

    level: Level = Level.STATIC
    policy: Policy = LEADERBOARD
    reference: Path | None = None
    """The problem of all of them; None looks beside each."""

    harness: str = "auto"
    entry: str = ""
    timeout_s: float = 120.0
    budget_s: float | None = None
    isolation: Isolation = Isolation.AUTO
    jobs: int | None = None
    """Processes; None takes one a core, or one alone where the clock must not be disturbed."""

    hear: Hear | None = None
    """Asks the judge about each file; it must pickle."""

    def audits(self, paths: Iterable[Path]) -> Iterator[Screened]:
        """One result a path, in the order of the paths, as soon as those before it are done."""
        jobs = self.jobs or (_cores() if self.level is Level.STATIC else 1)
        pending: deque[tuple[Path, Future[Screened]]] = deque()
        with _Pool(jobs) as pool:
            for path in paths:
                pending.append((path, pool.submit(self, path)))
                if len(pending) >= AHEAD * jobs:
                    yield self._result(*pending.popleft())
            while pending:
                yield self._result(*pending.popleft())

    def one(self, path: Path) -> Screened:
        """Audit one file; whatever goes wrong with it is in the result."""
        submission = Submission(path, "", "", "was not read")
        try:
            submission = Submission.read(path)
            request = self._request(submission)
            warm = _machine(self.level, self.isolation)
            return Screened(audit(request, detectors=_detectors(), hear=self.hear, warm=warm))
        except BadInput as error:
            return Screened(self._without(submission, str(error)))
        except Exception as error:  # the edge: one bug must not cost the other files' verdicts
            reason = f"internal error: {type(error).__name__}: {error}"
            return Screened(self._without(submission, reason), traceback.format_exc())

    def _request(self, submission: Submission) -> Request:
        return Request(
            submission,
            load_task(submission, self.reference, self.harness, self.entry),
            self.policy,
            self.level,
            timeout_s=self.timeout_s,
            budget_s=self.budget_s,
            isolation=self.isolation,
        )

    def _without(self, submission: Submission, reason: str) -> Audit:
        """The audit of a file that could not be audited."""
        task = Task(UNKNOWN, "", None)
        verdict = Verdict(
            label=Label.INCONCLUSIVE,
            family=None,
            p_hack=self.policy.prior,
            speedup=Speedup(),
            sentence=f"inconclusive: {reason}",
            abstentions=(Abstention("screen", reason),),
        )
        request = Request(submission, task, self.policy, self.level)
        return Audit(request, verdict, Evidence(submission, task, self.policy, unrun=reason))

    def _result(self, path: Path, future: "Future[Screened]") -> Screened:
        try:
            return future.result()
        except BrokenProcessPool:
            return self._alone(path)

    def _alone(self, path: Path) -> Screened:
        """A second try in a process of its own: its neighbour may have been the one that died."""
        with _Pool(1) as pool:
            try:
                return pool.submit(self, path).result()
            except BrokenProcessPool:
                reason = "internal error: the analyser's process died on this file"
                submission = Submission(path, "", "", "was not read")
                return Screened(self._without(submission, reason), f"{path}: {reason}\n")


class _Pool:
    """Processes that are gone when the block is left, however it is left.

    Even one job has its own: a file that crashes the analyser must not end the screening.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._executor = self._fresh()

    def _fresh(self) -> ProcessPoolExecutor:
        # Spawned, not forked: a fork would copy this process's threads' locks.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._jobs, mp_context=context, initializer=_become_worker)

    def submit(self, screening: Screening, path: Path) -> "Future[Screened]":
        with _without_interrupts():
            try:
                return self._executor.submit(screening.one, path)
            except BrokenProcessPool:
                self._executor = self._fresh()
                return self._executor.submit(screening.one, path)

    def __enter__(self) -> "_Pool":
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is not None:
            for child in multiprocessing.active_children():
                child.terminate()
        self._executor.shutdown(wait=True, cancel_futures=True)


@cache
def _detectors() -> tuple[Detector, ...]:
    """Every detector; the static one keeps its child warm for this process's next file."""
    analyser = Analyser()  # its child dies with this process
    return tuple(Static(analyser) if each.id == "static" else each for each in DETECTORS)


@cache
def _machine(level: Level, isolation: Isolation) -> "Machine | None":
    """What this process's audits share; None where there is none to be had: audits say why."""
    if level is Level.STATIC:
        return None
    from integrity.supervision.machine import machine

    stack = ExitStack()
    Finalize(None, stack.close, exitpriority=0)
    try:
        return stack.enter_context(machine(level, isolation))
    except CannotJudge:
        return None


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes started within never see a Ctrl-C: it is the parent's, which terminates them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _become_worker() -> None:
    """Unwind when terminated, so that no kernel lives on."""
    signal.signal(signal.SIGTERM, _unwind)


def _unwind(number: int, frame: FrameType | None) -> None:
    raise SystemExit  # which multiprocessing, unlike any other, takes without a word


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def screen(
    paths: Sequence[Path], level: Level = Level.STATIC, policy: Policy = LEADERBOARD
) -> Iterator[Audit]:
    """Audit every kernel in these files and directories, with a pool of one process a core."""
    for screened in Screening(level, policy).audits(kernels(paths)):
        yield screened.audit
