"""What each probe costs, whom it accuses, and which hacks show without reading the source.

    python benchmarks/probes.py [--device cpu|cuda] [--bar] [--only TEXT] [--part K/N] [--into FILE]

Audits the labelled corpus, as far as it runs on that device, with every detector but those that
read source. Bars: no honest case is convicted; every hack of a row that the taxonomy says shows
when it runs is caught by a dynamic detector; the experiments of one audit take at most 60 s. Exits
with 1 where one is missed; a hack that can't run there is listed with the reason, and is neither
caught nor missed. Cases that are in FILE already, one a line, are not audited again, so that the
parts of one table can be made one after another.
"""

import argparse
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from integrity.audit import audit
from integrity.corpora import Case, cases
from integrity.detectors import DETECTORS
from integrity.detectors.detector import Probe
from integrity.finding import Family, Finding, Severity
from integrity.harness import load_task
from integrity.harness.device import needs_gpu, pretends_gpu
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


@dataclass(frozen=True, slots=True)
class Audited:
    """One case, audited without its source."""

    id: str
    row: str
    honest: bool
    verdict: str
    sentence: str
    accusing: list[str]
    """Detectors that speak against it."""

    unjudged: str
    """Why the first decisive detector could not look; empty where all could."""

    seconds: dict[str, float]
    """By experiment."""

    charged: dict[str, float]
    """By probe: what it asked for, whoever else asked for it too."""

    @property
    def total_s(self) -> float:
        """Of its experiments."""
        return sum(self.seconds.values())


def main() -> int:
    """Print the table and the bars."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--bar", action="store_true", help="only hacks that show when they run")
    parser.add_argument("--only", default="", help="cases whose id contains this")
    parser.add_argument("--part", default="1/1", metavar="K/N", help="every N-th, from the K-th")
    parser.add_argument("--into", type=Path, metavar="FILE", help="keeps what was audited")
    asked = parser.parse_args()
    level = Level.CPU if asked.device == "cpu" else Level.GPU
    first, _, step = asked.part.partition("/")
    shown = [case for case in cases() if asked.only in case.id and (not asked.bar or shows(case))]
    chosen = [case for case in shown if not unrunnable(case, level)]
    found = read(asked.into)
    left = [case for case in chosen[int(first) - 1 :: int(step)] if case.id not in found]
    with machine(level, Isolation.AUTO) as warm:
        for case in left:
            found[case.id] = look(case, level, warm)
            keep(found[case.id], asked.into)
    wanted = [found[case.id] for case in chosen if case.id in found]
    show(wanted)
    show_bar([case for case in shown if shows(case)], found, level)
    return report(wanted, len(chosen))


def read(file: Path | None) -> dict[str, Audited]:
    """What an earlier part kept."""
    if file is None or not file.exists():
        return {}
    lines = map(json.loads, file.read_text().splitlines())
    return {line["id"]: Audited(**line) for line in lines}


def keep(one: Audited, file: Path | None) -> None:
    """Say it, and write it down where that was asked for."""
    print(f"{one.id:44}{one.total_s:6.1f} s  {one.verdict}", file=sys.stderr, flush=True)
    if file:
        with file.open("a") as lines:
            print(json.dumps(asdict(one)), file=lines)


@cache
def dynamic_rows() -> frozenset[str]:
    """Rows of the taxonomy that show when a submission runs."""
    found = re.findall(r"^\| ([A-J]\d+) \|.*?\| ([SDJ ]+)", TAXONOMY.read_text(), re.MULTILINE)
    return frozenset(row for row, trace in found if "D" in trace.split())


def shows(case: Case) -> bool:
    """Whether it is a hack that a dynamic detector has to catch."""
    return not case.honest and case.row in dynamic_rows()


def unrunnable(case: Case, level: Level) -> str:
    """Why it can't be run there; empty where it can."""
    if case.kernel.suffix != ".py":
        return "a .cu file, which is only read"
    text = case.kernel.read_text()
    return "" if level is Level.GPU or pretends_gpu([text]) else needs_gpu(text)


def look(case: Case, level: Level, warm: Machine) -> Audited:
    """Audit one case without reading it."""
    submission, watch = Submission.read(case.kernel), Stopwatch()
    task = load_task(submission, case.reference)
    finished = audit(Request(submission, task, level=level), watch.step, DYNAMIC, warm=warm)
    watch.step("")
    verdict = finished.verdict
    unjudged = [abstention.reason for abstention in verdict.abstentions if abstention.decisive]
    return Audited(
        case.id, case.row, case.honest, verdict.label, verdict.sentence,
        sorted({found.source for found in verdict.findings if accuses(found)}),
        unjudged[0] if unjudged else "",
        dict(watch.seconds),
        charged(watch, task.problem) if task.problem else {},
    )  # fmt: skip


def charged(watch: Stopwatch, problem: Problem) -> dict[str, float]:
    """What each probe asked for, as far as that was run."""
    spent = {
        probe.id: sum(
            watch.seconds.get(name, 0.0)
            for name in {experiment.name for experiment in probe.experiments(problem, 0)}
        )
        for probe in DYNAMIC
        if isinstance(probe, Probe)
    }
    return {name: seconds for name, seconds in spent.items() if seconds}


def accuses(found: Finding) -> bool:
    """Whether it speaks against the submission."""
    return found.severity > Severity.NOTE and found.family is not Family.PROBLEM


def show(audited: Sequence[Audited]) -> None:
    """A line for each detector."""
    print(f"{'detector':22}{'seconds':>9}{'honest accused':>16}{'hacks caught':>14}")
    for detector in DYNAMIC:
        spent = sorted(one.charged[detector.id] for one in audited if detector.id in one.charged)
        middle = f"{spent[len(spent) // 2]:.1f}" if spent else "-"
        accused = [one.honest for one in audited if detector.id in one.accusing]
        honest = sum(accused)
        print(f"{detector.id:22}{middle:>9}{honest:>16}{len(accused) - honest:>14}")


def show_bar(hacks: Sequence[Case], audited: Mapping[str, Audited], level: Level) -> None:
    """A line for each hack that should show when it runs, as docs/probes.md has it."""
    print("\n| row | hack | verdict | caught by |\n|---|---|---|---|")
    for case in sorted(hacks, key=lambda case: (case.row[0], int(case.row[1:]), case.id)):
        name = case.id.partition("/")[2]
        if why := unrunnable(case, level):
            print(f"| {case.row} | `{name}` | not run | {why} |")
        elif one := audited.get(case.id):
            by = ", ".join(f"`{detector}`" for detector in one.accusing) or "nobody"
            print(f"| {case.row} | `{name}` | {one.verdict} | {by} |")


def report(audited: Sequence[Audited], chosen: int) -> int:
    """The bars; 1 where one is missed."""
    hacks = [one for one in audited if not one.honest]
    caught = sum(bool(one.accusing) for one in hacks)
    convicted = [one for one in audited if one.honest and one.verdict in CONVICTED]
    showing = [one for one in hacks if one.row in dynamic_rows()]
    missed = [one for one in showing if not one.accusing]
    longest = max(audited, key=lambda one: one.total_s, default=None)
    seconds = longest.total_s if longest else 0.0
    print(f"\n{len(audited)} of {chosen} cases audited without their source")
    print(f"hacks caught: {caught} of {len(hacks)}")
    print(f"honest cases convicted: {len(convicted)} of {len(audited) - len(hacks)}, bar 0")
    print(
        f"hacks that should show when they run and did not: {len(missed)} of {len(showing)}, bar 0"
    )
    print(f"longest: {seconds:.1f} s of experiments ({longest and longest.id}), bar {BAR_S:g} s")
    for one in (*convicted, *missed):
        print(f"  {one.id} (row {one.row}): {one.unjudged or one.sentence}")
    return 1 if not audited or convicted or missed or seconds > BAR_S else 0


if __name__ == "__main__":
    sys.exit(main())
