"""Static verdicts on labelled samples and on their mutants."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass

from integrity.detectors.static import Static
from integrity.errors import BadInput
from integrity.evasion.engine import mutants
from integrity.evasion.samples import Sample
from integrity.evidence import Evidence
from integrity.policy import GENERATOR, Policy
from integrity.problem import Task
from integrity.rules.analyser import Analyser
from integrity.submission import Submission
from integrity.verdict import GATES, Label, weigh

FLAGGED = GATES["suspect"]
"""Labels that tell somebody to look."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on a sample, or on one of its mutants."""

    sample: Sample
    mutator: str
    """Empty for the sample itself."""

    label: Label
    rules: frozenset[str]
    """Ids of the findings that are more than a note."""

    text: str = ""
    """What was read, where a hack got past."""

    @property
    def flagged(self) -> bool:
        """Whether the label tells somebody to look; of a mutant: whether it was killed."""
        return self.label in FLAGGED

    @property
    def name(self) -> str:
        """The sample, and what was done to it."""
        return f"{self.sample.name} {self.mutator}".strip()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to evaluate each sample on."""

    policy: Policy = GENERATOR
    seed: int = 0
    with_mutants: bool = True
    per_case: int | None = None
    """At most as many mutants of each sample; None takes all that apply."""

    def outcomes(self, sample: Sample, analyser: Analyser) -> list[Outcome]:
        """The sample's verdict, then its mutants'."""
        submission, task = sample.read()
        judged = [self._judged(sample, "", submission, task, analyser)]
        if not self.with_mutants or submission.unreadable:
            return judged
        seed = f"{self.seed}:{sample.name}"
        for mutant in mutants(submission.text, seed, most=self.per_case):
            rewritten = Submission.of(mutant.text, submission.path)
            judged.append(self._judged(sample, mutant.mutator, rewritten, task, analyser))
        return judged

    def _judged(
        self, sample: Sample, mutator: str, submission: Submission, task: Task, analyser: Analyser
    ) -> Outcome:
        """As `integrity audit --level static` judges: no other detector has anything to read."""
        findings = list(Static(analyser).detect(Evidence(submission, task, self.policy)))
        label = weigh(findings, policy=self.policy).label
        passed = not sample.honest and label not in FLAGGED
        rules = frozenset(finding.id for finding in findings if finding.severity > 0)
        return Outcome(sample, mutator, label, rules, submission.text if passed else "")


Progress = Callable[[int, int], None]
"""Told how many samples are done, and of how many."""


def evaluate(
    samples: Sequence[Sample],
    plan: Plan,
    jobs: int | None = None,
    progress: Progress = lambda done, total: None,
) -> list[Outcome]:
    """Every outcome, in the order of the samples; each process has one warm analyser.

    Raises:
        BadInput: a sample can't be read.
    """
    jobs = min(jobs or len(os.sched_getaffinity(0)), len(samples))
    found: dict[int, list[Outcome]] = {}
    for place, outcomes in _each(samples, plan, jobs):
        found[place] = outcomes
        progress(len(found), len(samples))
    return [outcome for _, outcomes in sorted(found.items()) for outcome in outcomes]


def _each(samples: Sequence[Sample], plan: Plan, jobs: int) -> Iterator[tuple[int, list[Outcome]]]:
    """Outcomes with the place of their sample, as they come."""
    if jobs == 1:
        with Analyser() as analyser:
            for place, sample in enumerate(samples):
                yield place, _of(plan, sample, analyser)
        return
    with _pool(jobs) as pool:
        pending = {pool.submit(_in_worker, plan, sample): n for n, sample in enumerate(samples)}
        for future in as_completed(pending):
            yield pending[future], future.result()


def _of(plan: Plan, sample: Sample, analyser: Analyser) -> list[Outcome]:
    try:
        return plan.outcomes(sample, analyser)
    except BadInput as error:
        raise BadInput(f"{sample.name}: {error}") from error


_WARM: list[Analyser] = []
"""The analyser of a worker process; the parent's stays empty."""


def _in_worker(plan: Plan, sample: Sample) -> list[Outcome]:
    return _of(plan, sample, _WARM[0])


def _become_worker() -> None:
    """Leave Ctrl-C to the parent; the analyser's child ends with this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _WARM.append(Analyser())


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that are gone when the block is left, however it is left."""
    # Spawned, not forked: a fork would copy this process's threads' locks.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(jobs, mp_context=context, initializer=_become_worker)
    try:
        yield executor
    except BaseException:
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
