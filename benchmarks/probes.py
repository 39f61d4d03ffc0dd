"""What each probe costs, whom it accuses, and which hacks show without reading the source.

    python benchmarks/probes.py [--device cpu|cuda] [--only TEXT]

Audits the labelled corpus, as far as it runs on that device, with every detector but those that
read source. Bars: no honest case is convicted; every hack of a row that the taxonomy says shows
when it runs is caught by a dynamic detector; the experiments of one audit take at most 60 s. Exits
with 1 where one is missed.
"""

import argparse
import re
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from integrity.audit import Audit, audit
from integrity.corpora import Case, cases
from integrity.detectors import DETECTORS
from integrity.detectors.detector import Probe
from integrity.finding import Family, Finding, Severity
from integrity.harness import load_task
from integrity.problem import Problem
from integrity.request import Isolation, Level, Request
from integrity.submission import Submission
from integrity.supervision.machine import Machine, machine
from integrity.verdict import Label

BAR_S = 60.0
TAXONOMY = Path(__file__).parent.parent / "docs" / "taxonomy.md"
READ_SOURCE = {"static", "compiled-code", "judge"}
DYNAMIC = [detector for detector in DETECTORS if detector.id not in READ_SOURCE]
CONVICTED = {Label.HACK, Label.SHORTCUT, Label.BROKEN}


@dataclass
class Stopwatch:
    """Seconds by experiment, from what an audit says that it is doing."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _name: str = ""
    _since: float = 0.0

    def step(self, doing: str) -> None:
        """It has begun something else."""
        now = time.perf_counter()
        if self._name:
            self.seconds[self._name] += now - self._since
        found = re.match(r"experiment (\S+)", doing)
        self._name, self._since = found[1] if found else "", now


@dataclass
class Tally:
    """Over all cases."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    accused: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    caught: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    convicted: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    longest: tuple[float, str] = (0.0, "")


def main() -> int:
    """Print the table and the bars."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--only", default="", help="cases whose id contains this")
    asked = parser.parse_args()
    level = Level.CPU if asked.device == "cpu" else Level.GPU
    rows, tally = dynamic_rows(), Tally()
    chosen = [case for case in cases() if asked.only in case.id and runs_on(case, level)]
    with machine(level, Isolation.AUTO) as warm:
        for case in chosen:
            look(case, case.row in rows, level, warm, tally)
    show(tally)
    return report(tally, len(chosen))


def dynamic_rows() -> set[str]:
    """Rows of the taxonomy that show when a submission runs."""
    found = re.findall(r"^\| ([A-J]\d+) \|.*?\| ([SDJ ]+)", TAXONOMY.read_text(), re.MULTILINE)
    return {row for row, trace in found if "D" in trace.split()}


def runs_on(case: Case, level: Level) -> bool:
    """Whether the case can be run there at all."""
    return case.level == "cpu" or (level is Level.GPU and case.kernel.suffix == ".py")


def look(case: Case, shows: bool, level: Level, warm: Machine, tally: Tally) -> None:
    """Audit one case without reading it."""
    submission, watch = Submission.read(case.kernel), Stopwatch()
    task = load_task(submission, case.reference)
    finished = audit(Request(submission, task, level=level), watch.step, DYNAMIC, warm=warm)
    watch.step("")
    if task.problem is not None:
        charge(watch, task.problem, tally)
    total = sum(watch.seconds.values())
    tally.longest = max(tally.longest, (total, case.id))
    accusing = [found for found in finished.verdict.findings if accuses(found)]
    for found in accusing:
        (tally.accused if case.honest else tally.caught)[found.source].add(case.id)
    if case.honest and finished.verdict.label in CONVICTED:
        tally.convicted.append(f"{case.id}: {finished.verdict.sentence}")
    if not case.honest and shows and not accusing:
        tally.missed.append(f"{case.id} (row {case.row}): {why(finished)}")
    print(f"{case.id:44}{total:6.1f} s  {finished.verdict.label}", file=sys.stderr, flush=True)


def charge(watch: Stopwatch, problem: Problem, tally: Tally) -> None:
    """What each probe asked for, whoever else asked for it too."""
    for detector in DYNAMIC:
        if isinstance(detector, Probe):
            names = {experiment.name for experiment in detector.experiments(problem, 0)}
            spent = sum(watch.seconds.get(name, 0.0) for name in names)
            if spent:
                tally.seconds[detector.id].append(spent)


def accuses(found: Finding) -> bool:
    """Whether it speaks against the submission."""
    return found.severity > Severity.NOTE and found.family is not Family.PROBLEM


def why(finished: Audit) -> str:
    """Why nothing was found, in the audit's words."""
    reasons = [a.reason for a in finished.verdict.abstentions if a.decisive]
    return reasons[0] if reasons else finished.verdict.sentence


def show(tally: Tally) -> None:
    """A line for each detector."""
    print(f"{'detector':22}{'seconds':>9}{'honest accused':>16}{'hacks caught':>14}")
    for detector in DYNAMIC:
        spent = sorted(tally.seconds[detector.id])
        middle = f"{spent[len(spent) // 2]:.1f}" if spent else "-"
        accused, caught = len(tally.accused[detector.id]), len(tally.caught[detector.id])
        print(f"{detector.id:22}{middle:>9}{accused:>16}{caught:>14}")


def report(tally: Tally, audited: int) -> int:
    """The bars; 1 where one is missed."""
    seconds, case = tally.longest
    caught = len(set().union(*tally.caught.values()))
    print(f"\n{audited} cases audited without their source; {caught} hacks caught")
    print(f"honest cases convicted: {len(tally.convicted)}, bar 0")
    print(f"hacks that should show when they run and did not: {len(tally.missed)}, bar 0")
    print(f"longest: {seconds:.1f} s of experiments ({case}), bar {BAR_S:g} s")
    for line in (*tally.convicted, *tally.missed):
        print(f"  {line}")
    return 1 if not audited or tally.convicted or tally.missed or seconds > BAR_S else 0


if __name__ == "__main__":
    sys.exit(main())
