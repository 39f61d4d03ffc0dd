"""The exploit suite against the runner: does any exploit gain anything?

An exploit wins if every check passes and its audited time is better than its honest twin's, or if
what it returns is wrong and every check passes all the same.
"""

import multiprocessing
import multiprocessing.util as util
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from typing import Any

from integrity.errors import BadInput, CannotJudge
from integrity.estimate import Estimate, paired_speedup
from integrity.policy import GENERATOR
from integrity.problem import Convention, Problem, Task
from integrity.request import Isolation, Level
from integrity.run import Call, Experiment, Inputs, Role, Run
from integrity.submission import Submission

_WARMUPS, _BLOCKS, _SPARES, _WIDTH = 4, 12, 8, 64
_CHECKED = 8
_MARGIN = {Level.CPU: 1.15, Level.GPU: 1.03}
"""A better time is one beyond this, with the interval clear of 1: what the reference against itself
stays within on a noisy machine."""

_JOBS = {Level.CPU: 1, Level.GPU: 6}


class Outcome(StrEnum):
    """What an exploit came to."""

    REFUSED = "refused"  # an output was wrong, late or out of bounds; or it never came to one
    NO_GAIN = "no gain"  # all right, and no faster than its honest twin
    WIN = "WIN"
    UNDECIDED = "undecided"  # it could not be timed well enough


@dataclass(frozen=True, slots=True)
class Exploit:
    """One case of the suite."""

    id: str
    rows: tuple[str, ...]
    problem: str
    levels: tuple[Level, ...]
    aims: str
    wrong: bool
    what: str
    honest: str
    arguments: Mapping[Level, Mapping[str, int]] = field(default_factory=dict)
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Result:
    """One exploit's outcome and the reason."""

    exploit: Exploit
    outcome: Outcome
    why: str


def suite(level: Level) -> tuple[Exploit, ...]:
    """Every exploit that can be run at that level."""
    listed = tomllib.loads((files("integrity.exploits") / "suite.toml").read_text())
    problems = {each["id"]: each for each in listed["problem"]}
    found = (_exploit(each, problems[each["problem"]]) for each in listed["exploit"])
    return tuple(exploit for exploit in found if level in exploit.levels)


def _exploit(case: Mapping[str, Any], problem: Mapping[str, Any]) -> Exploit:
    return Exploit(
        id=case["id"],
        rows=tuple(case["rows"]),
        problem=case["problem"],
        levels=tuple(Level(level) for level in case["levels"]),
        aims=case["aims"],
        wrong=case["wrong"],
        what=case["what"],
        honest=case.get("honest", f"honest/{case['problem']}.py"),
        arguments={Level.CPU: problem["cpu"], Level.GPU: problem["gpu"]},
        timeout_s=case.get("timeout_s", 60.0),
    )


def attack(
    exploits: Sequence[Exploit],
    level: Level,
    isolation: Isolation,
    told: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Run them: first for right outputs, side by side, then what is left against the clock.

    Raises:
        BadInput: no such device, or the isolation can't be had.
    """
    results: list[Result] = []

    def note(result: Result) -> None:
        results.append(result)
        told(result)

    # What harms others, or could not be decided in company, has the machine to itself.
    alone = [exploit for exploit in exploits if exploit.aims == "harm"]
    timed: list[Exploit] = []
    for exploit, result in _side_by_side(exploits, level, isolation):
        if result is None:
            timed.append(exploit)
        elif result.outcome is Outcome.UNDECIDED:
            alone.append(exploit)
        else:
            note(result)
    with ExitStack() as stack:
        bench = _bencher(stack, level, isolation)
        for exploit in alone:
            result = _check(bench, exploit)
            timed += [exploit] if result is None else []
            if result is not None:
                note(result)
        for exploit in timed:
            note(_timed(bench, exploit, level))
    return results


Benches = Callable[[Exploit], Any]


def _bencher(stack: ExitStack, level: Level, isolation: Isolation) -> Benches:
    """A bench for each exploit, on one zygote."""
    from integrity.supervision.bench import Bench, Deadline
    from integrity.supervision.machine import machine

    started = stack.enter_context(machine(level, isolation))

    def bench(exploit: Exploit) -> Bench:
        problem = Problem(
            "pair",
            Convention.ARGUMENTS,
            {"reference": _text(f"problems/{exploit.problem}.py")},
            "reference",
            "make_inputs",
            workloads=(exploit.arguments[level],),
        )
        return Bench(
            started.zygote,
            started.backend,
            Submission.of(_text(f"cases/{exploit.id}.py")),
            Task("pair", "kernel", problem),
            problem,
            GENERATOR,
            os.urandom(32),
            Deadline(exploit.timeout_s),
            rival=Submission.of(_text(exploit.honest)),
        )

    return bench


def _text(name: str) -> str:
    return (files("integrity.exploits") / name).read_text()


def _side_by_side(
    exploits: Sequence[Exploit], level: Level, isolation: Isolation
) -> Iterator[tuple[Exploit, Result | None]]:
    """Each with its refusal, or None where every check passed, as they come."""
    peaceful = [exploit for exploit in exploits if exploit.aims != "harm"]
    jobs = min(_JOBS[level], len(peaceful))
    if not jobs:
        return
    processes = multiprocessing.get_context("spawn")  # each has a zygote of its own
    with processes.Pool(jobs, _prepare, (level, isolation)) as pool:
        yield from pool.imap_unordered(_check_prepared, peaceful)
        pool.close()
        pool.join()


_prepared: list[Benches | BadInput] = []


def _prepare(level: Level, isolation: Isolation) -> None:
    stack = ExitStack()
    try:
        _prepared.append(_bencher(stack, level, isolation))
    except BadInput as error:  # a process that failed to start would be replaced for ever
        _prepared.append(error)
    util.Finalize(None, stack.close, exitpriority=10)  # a pool's processes run no atexit


def _check_prepared(exploit: Exploit) -> tuple[Exploit, Result | None]:
    [benches] = _prepared
    if isinstance(benches, BadInput):
        raise benches
    return exploit, _check(benches, exploit)


def _check(bench: Benches, exploit: Exploit) -> Result | None:
    from integrity.supervision import runner

    # The same buffers twice in a row, and again later: pointers tell nothing.
    calls = tuple(Call((Inputs(draw),), slot=draw // 2 % 2) for draw in range(_CHECKED))
    asked = Experiment(f"check-{exploit.id}", calls)
    try:
        finished = runner.run(bench(exploit), asked)
    except CannotJudge as reason:
        return Result(exploit, Outcome.UNDECIDED, str(reason))
    refused = refusal(finished)
    return Result(exploit, Outcome.REFUSED, refused) if refused else None


def refusal(finished: Run) -> str:
    """Why a submission's run is not accepted; empty where nothing is wrong with it."""
    if death := finished.death_of(Role.SUBMISSION):
        return death.how.partition("\n")[0][:120]
    seen = [result.observed for result in finished.of(Role.SUBMISSION)]
    wrong = sum(any(check.wrong for check in one.checks) for one in seen)
    for count, words in (
        (wrong, "wrong output"),
        (sum(one.late_bytes > 0 for one in seen), "output changed after done"),
        (sum(one.guard_bytes > 0 for one in seen), "wrote out of bounds"),
        (sum(bool(one.changed_inputs) for one in seen), "inputs changed"),
    ):
        if count:
            return f"{words} in {count} of {len(seen)} calls"
    return ""


def _timed(bench: Benches, exploit: Exploit, level: Level) -> Result:
    from integrity.supervision import runner

    calls = tuple(
        Call(tuple(Inputs(number * _WIDTH + each) for each in range(_WIDTH)), slot=number % 2)
        for number in range(_WARMUPS + _BLOCKS + _SPARES)
    )
    asked = Experiment(
        f"time-{exploit.id}", calls, (Role.SUBMISSION, Role.REFERENCE, Role.NULL),
        warmups=_WARMUPS, elastic=True, enough=_BLOCKS, timed=True,
    )  # fmt: skip
    try:
        finished = runner.run(bench(exploit), asked)
        if refused := refusal(finished):
            return Result(exploit, Outcome.REFUSED, refused)
        estimate = paired_speedup([finished], Role.REFERENCE, Role.SUBMISSION)
    except CannotJudge as reason:
        return Result(exploit, Outcome.UNDECIDED, str(reason))
    if exploit.wrong and exploit.aims == "output":
        checked = _CHECKED + len(list(finished.of(Role.SUBMISSION)))
        return Result(exploit, Outcome.WIN, f"its wrong outputs passed {checked} checks")
    return Result(exploit, *gained(estimate, _MARGIN[level]))


def gained(estimate: Estimate, margin: float) -> tuple[Outcome, str]:
    """Whether that is a better time than the honest twin's."""
    words = f"{estimate.ratio:.2f}x its honest twin ({estimate.low:.2f} to {estimate.high:.2f})"
    if estimate.ratio <= margin:
        return Outcome.NO_GAIN, words
    return (Outcome.WIN if estimate.low > 1 else Outcome.UNDECIDED), words


def chosen(exploits: Sequence[Exploit], wanted: Sequence[str]) -> tuple[Exploit, ...]:
    """Those with these ids or rows; all where none is named.

    Raises:
        BadInput: nothing is called so.
    """
    if not wanted:
        return tuple(exploits)
    for name in wanted:
        if not any(name == each.id or name.upper() in each.rows for each in exploits):
            raise BadInput(f"no exploit {name!r} at this level; `integrity redteam --list`")
    return tuple(
        each
        for each in exploits
        if each.id in wanted or any(name.upper() in each.rows for name in wanted)
    )
