"""Experiments that are not timed, several at once: most of their time is waiting."""

import contextlib
import os
import select
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from integrity.errors import CannotJudge
from integrity.run import Experiment, Run
from integrity.supervision import runner
from integrity.supervision.apart import Apart
from integrity.supervision.bench import Bench
from integrity.supervision.workers import Zygote

_MOST = 4
"""Each holds memory of the device for itself."""


def side_by_side(
    bench: Bench, experiments: Sequence[Experiment], begins: Callable[[Experiment], None]
) -> Mapping[str, Run]:
    """The runs by name, each made by a zygote and in a process of its own.

    `begins` is told of each as it does. Left out is what failed in any way: it may have lacked
    memory that others held, and has to be run again, alone.
    """
    lanes = min(_MOST, len(bench.zygote.allowed), len(experiments))
    if lanes < 2:
        return {}
    runs: dict[str, Run] = {}
    waiting = list(experiments)
    running: dict[Apart[Run], tuple[Experiment, Zygote]] = {}
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(bench.zygote.fork()) for _ in range(lanes)]
        try:
            while waiting or running:
                while waiting and idle:
                    experiment, zygote = waiting.pop(0), idle.pop()
                    begins(experiment)
                    running[_begun(bench, experiment, zygote)] = experiment, zygote
                for ended in select.select(list(running), [], [])[0]:
                    experiment, zygote = running.pop(ended)
                    with contextlib.suppress(CannotJudge):
                        run = ended.result()
                        if not run.deaths:
                            runs[experiment.name] = run
                    zygote.kill_all()
                    idle.append(zygote)
        finally:
            for abandoned in running:
                abandoned.kill()
    return runs


def _begun(bench: Bench, experiment: Experiment, zygote: Zygote) -> Apart[Run]:
    """The experiment, started."""

    def work() -> Run:
        os.sched_setaffinity(0, zygote.allowed)
        own = replace(bench, zygote=zygote, backend=bench.backend.on(zygote))
        return runner.run(own, experiment)

    return Apart(work)
