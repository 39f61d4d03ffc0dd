"""What a budget of wall-clock seconds is spent on: `--budget-seconds`."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from integrity.detectors.detector import Detector, Probe
from integrity.finding import Confidence, Severity
from integrity.problem import Problem
from integrity.run import Experiment
from integrity.verdict import HARD_RATIO, LIKELIHOOD_RATIO

_PROCESS_S, _TURN_S, _INPUTS_S = 0.15, 0.025, 0.005
"""To start a worker, to let one role make one call, and to draw and answer one set of inputs, on a
processor and a small problem; what the experiments before took corrects all three."""

_WIDEST = 8
"""Calls that a window of an elastic experiment is taken to hold."""


def seconds(experiment: Experiment) -> float:
    """What it takes, as far as its calls tell."""
    workers = 1 + len(experiment.roles)
    expected = experiment.warmups + experiment.enough if experiment.enough else math.inf
    calls = experiment.calls[: int(min(expected, len(experiment.calls)))]
    turns = len(calls) * max(1, len(experiment.roles))
    drawn = len({one for call in calls for one in call.inputs[:_WIDEST]})
    idle_s = sum(2 * call.gap_us + call.spin_us for call in calls) * len(experiment.roles) / 1e6
    return workers * _PROCESS_S + turns * _TURN_S + drawn * _INPUTS_S + idle_s


def information(detectors: Sequence[Detector], problem: Problem, seed: int) -> Mapping[str, float]:
    """By experiment: how far it can move the log-odds, summed over the probes that ask for it.

    One that is decisive can bring proof, any other one soft finding; a probe that needs several
    experiments learns its share from each.
    """
    worth: dict[str, float] = {}
    for detector in detectors:
        if isinstance(detector, Probe):
            ratio = LIKELIHOOD_RATIO[Severity.HACK, Confidence.MEDIUM]
            most = math.log(HARD_RATIO if detector.decisive else ratio)
            asked = list(detector.experiments(problem, seed))
            for experiment in asked:
                worth[experiment.name] = worth.get(experiment.name, 0.0) + most / len(asked)
    return worth


@dataclass(slots=True)
class Budget:
    """Seconds from now on; None is all the time there is."""

    limit_s: float | None
    _start: float = field(default_factory=time.monotonic)
    _expected_s: float = 0.0
    _took_s: float = 0.0

    def in_order(
        self, wanted: Sequence[Experiment], worth: Mapping[str, float]
    ) -> Sequence[Experiment]:
        """Most information a second first; without a limit, what is timed last."""
        if self.limit_s is None:
            return sorted(wanted, key=lambda each: each.timed)
        return sorted(wanted, key=lambda each: -worth.get(each.name, 0.0) / seconds(each))

    def refusal(self, experiment: Experiment) -> str:
        """Why there is no time left for it; empty where there is."""
        if self.limit_s is None:
            return ""
        left_s = self.limit_s - (time.monotonic() - self._start)
        pace = self._took_s / self._expected_s if self._expected_s else 1.0
        needed_s = pace * seconds(experiment)
        if needed_s <= left_s:
            return ""
        return (
            f"it takes about {needed_s:.1f} s, and {max(left_s, 0.0):.1f} s of "
            f"--budget-seconds {self.limit_s:.3g} were left"
        )

    def book(self, experiment: Experiment, took_s: float) -> None:
        """It was run, and took that long."""
        self._expected_s += seconds(experiment)
        self._took_s += took_s
