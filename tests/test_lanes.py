"""Experiments side by side: the same runs, and nothing left of them."""

import contextlib
import gc
import os
import signal
import threading
from collections.abc import Iterator

import pytest
from supervised import bench, checks

from integrity.run import SHARED_CORES, Call, Experiment, Inputs, Run
from integrity.supervision.lanes import side_by_side
from integrity.supervision.runner import run
from integrity.supervision.workers import Zygote


def quietly(experiment: Experiment) -> None: ...


HONEST = "def kernel(x): return x + x + 1"
EXPERIMENTS = tuple(
    Experiment(f"fresh-{each}", tuple(Call((Inputs(draw),)) for draw in range(2)))
    for each in range(5)
)


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("auto") as started:
        started.allowed = sorted(os.sched_getaffinity(0)) * 2  # two lanes, even on one core
        yield started


@pytest.fixture(autouse=True)
def leaves_nothing(zygote: Zygote) -> Iterator[None]:
    gc.collect()  # what other tests left to it is not ours
    before = set(zygote.pids()), os.listdir("/proc/self/fd")
    yield
    assert (set(zygote.pids()), os.listdir("/proc/self/fd")) == before


def digests(made: Run) -> list[str]:
    return [check.digest for result in made.results for check in result.observed.checks]


def test_runs_side_by_side_are_those_that_are_made_alone(zygote: Zygote) -> None:
    audit = bench(zygote, HONEST)
    together = side_by_side(audit, EXPERIMENTS, quietly)
    assert sorted(together) == [experiment.name for experiment in EXPERIMENTS]
    for experiment in EXPERIMENTS:
        assert checks(together[experiment.name]) == [0.0] * 2
        alone = run(audit, experiment)
        assert digests(together[experiment.name]) == digests(alone)
        assert SHARED_CORES in together[experiment.name].facts
        assert SHARED_CORES not in alone.facts


def test_what_dies_beside_others_has_to_be_run_again(zygote: Zygote) -> None:
    kernel = """
        calls = 0

        def kernel(x):
            global calls
            calls += 1
            if calls == 3:
                raise MemoryError
            return x + x + 1
    """
    longer = Experiment("longer", tuple(Call((Inputs(draw),)) for draw in range(3)))
    found = side_by_side(bench(zygote, kernel), (*EXPERIMENTS, longer), quietly)
    assert sorted(found) == [experiment.name for experiment in EXPERIMENTS]


def test_what_the_problem_fails_at_has_to_be_run_again(zygote: Zygote) -> None:
    audit = bench(zygote, HONEST, reference="def reference(x): raise ValueError\nmake_inputs = 1")
    assert side_by_side(audit, EXPERIMENTS, quietly) == {}


def test_experiments_on_one_core_wait_for_each_other(zygote: Zygote) -> None:
    with contextlib.ExitStack() as restored:
        restored.callback(setattr, zygote, "allowed", zygote.allowed)
        zygote.allowed = zygote.allowed[:1]
        assert side_by_side(bench(zygote, HONEST), EXPERIMENTS, quietly) == {}


def test_an_interrupt_ends_all_of_them(zygote: Zygote) -> None:
    kernel = "import time\ndef kernel(x):\n    time.sleep(60)"
    timer = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        side_by_side(bench(zygote, kernel), EXPERIMENTS, quietly)


def test_a_forked_zygote_ends_its_own_workers_only(zygote: Zygote) -> None:
    with zygote.fork() as one, zygote.fork() as other:
        gone, kept = one.spawn(), other.spawn()
        one.kill_all()
        assert not gone.tree.pids()
        assert kept.tree.pids()
        assert kept.ask({"do": "null"}, 10.0) == {"loaded": True}
        for worker in (gone, kept):
            worker.end()
