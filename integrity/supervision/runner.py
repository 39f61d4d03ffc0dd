"""Runs one experiment: an oracle, a worker for each role, every call checked, one frozen `Run`."""

import contextlib
import hashlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

from integrity.device_trace import DeviceTrace
from integrity.errors import CannotJudge
from integrity.run import (
    PRETENDED,
    REDUCED,
    SHARED_CORES,
    Call,
    CallResult,
    Death,
    Experiment,
    Inputs,
    Role,
    Run,
)
from integrity.supervision.backend import Device, must_fit
from integrity.supervision.bench import (
    COMPILE_MODES,
    SUBMITTED,
    Bench,
    OutOfTime,
    load_message,
)
from integrity.supervision.checking import Checker
from integrity.supervision.endings import WorkerDied
from integrity.supervision.oracle import Oracle, seed_of
from integrity.supervision.session import Ended, Session, Turn
from integrity.supervision.trivial import trivial_facts
from integrity.supervision.work import work_facts
from integrity.supervision.workers import Worker, Zygote, end_together
from integrity.trace import Trace

_GENEROUS_S = 20.0
"""A submission that had this long and did not finish is broken; with less, it is nobody's fault."""

_CANARIES = (10_007, 1 << 20)
"""Sizes in elements; no tensor of a problem has exactly that many but by chance."""

_GRIDS = (257, 2048)
"""Blocks of a canary on a device: enough of them to be hard to guess, over in microseconds."""

_COMPILE_S = 180.0
_WINDOW = 4
"""Calls that a window has where an experiment asks for so many, whatever they take."""


def run(bench: Bench, experiment: Experiment) -> Run:
    """Run one experiment.

    Raises:
        CannotJudge: the reference fails, the memory does not suffice, or the time is up.
    """
    bench.deadline.left()
    return bench.backend.run(lambda device: _run_on(device, bench, experiment), experiment.timed)


def _run_on(device: Device, bench: Bench, experiment: Experiment) -> Run:
    series = experiment.name.partition(":")[0]  # one series draws the same inputs
    secret = hashlib.blake2b(series.encode(), key=bench.secret).digest()
    precision = bench.policy.precision
    # The first of two equals took 0.5 to 1 us a window longer, on an H200 (docs/supervision.md).
    roles = list(experiment.roles)
    random.Random(seed_of(secret, "places")).shuffle(roles)
    with contextlib.ExitStack() as stack:
        workers = [(role, _spawn(bench.zygote, stack, experiment.elsewhere)) for role in roles]
        oracle = Oracle(bench.zygote, device, bench.problem, precision, experiment.workload, secret)
        stack.callback(oracle.close)
        return _Experimenter(device, bench, experiment, oracle, secret).run(workers)


def _spawn(zygote: Zygote, stack: contextlib.ExitStack, elsewhere: bool) -> Worker:
    try:
        worker = zygote.spawn(elsewhere=elsewhere)
    except WorkerDied as death:
        raise CannotJudge(f"a worker {death.how}") from death
    stack.callback(worker.end)
    return worker


class _Experimenter:
    def __init__(
        self, device: Device, bench: Bench, experiment: Experiment, oracle: Oracle, secret: bytes
    ) -> None:
        self._device = device
        self._bench = bench
        self._experiment = experiment
        self._oracle = oracle
        self._order = random.Random(seed_of(secret, "order"))
        self._checker = Checker(device, oracle, asks=bool(bench.problem.check))
        self._deaths: list[Death] = []
        self._results: list[CallResult] = []
        self._calls = list(experiment.calls)
        self._lost = False
        self._opened: list[Session] = []

    def run(self, workers: Sequence[tuple[Role, Worker]]) -> Run:
        self._learn_shapes()
        if not self._experiment.roles:
            facts = trivial_facts(self._oracle, self._experiment.calls, self._bench.problem)
            facts |= work_facts(self._oracle)
            return Run(self._experiment, (), (), self._facts() | facts)
        with self._closing():
            alone = self._experiment.alone
            early = [one for one in workers if alone and one[0] is not Role.SUBMISSION]
            sessions = self._sessions(early)
            traces: dict[Role, Trace] = {}
            index = -1
            for index in range(len(self._calls)):
                if index == alone:
                    late = [one for one in workers if one not in early]
                    sessions += self._sessions(late)
                self._calls[index] = self._cut(index)
                if self._calls[index].ablated:  # it may not outlive that
                    traces = self._traces(sessions)
                self._make(index, self._calls[index], sessions)
                if self._lost or (index >= alone and self._is_enough(sessions)):
                    break
            traces = traces or self._traces(sessions)
            device_traces = self._device_traces(sessions)
        made = replace(self._experiment, calls=tuple(self._calls[: index + 1]))
        results, deaths = tuple(self._results), tuple(self._deaths)
        return Run(made, results, deaths, self._facts(), traces, device_traces)

    @contextlib.contextmanager
    def _closing(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            try:
                yield
            finally:
                for session in self._opened:
                    stack.callback(session.close)
                    session.release()
                end_together([session.worker for session in self._opened])

    def _traces(self, sessions: Sequence[Session]) -> dict[Role, Trace]:
        return {s.role: s.trace() for s in sessions} if self._experiment.traced else {}

    def _device_traces(self, sessions: Sequence[Session]) -> dict[Role, DeviceTrace]:
        recorded = self._experiment.recorded
        return {s.role: s.device_trace() for s in sessions} if recorded else {}

    def _cut(self, index: int) -> Call:
        """The call with its window as wide as it is going to be."""
        call = self._calls[index]
        width = self._widest()
        if self._experiment.elastic:
            width = min(width, 1 if index < self._experiment.warmups else self._width())
        return replace(call, inputs=call.inputs[:width])

    def _width(self) -> int:
        """Calls in a window. The reference decides: the submission must not steer."""
        warm = [r for r in self._results if r.call < self._experiment.warmups]
        took, null = (
            [r.observed.elapsed_us for r in warm if r.role is role][-3:]
            for role in (Role.REFERENCE, Role.NULL)
        )
        if not took or not null:
            return len(self._calls[-1].inputs)
        return self._device.width(max(median(took) - median(null), 1.0), median(null))

    def _widest(self) -> int:
        """How many sets of buffers are worth their memory."""
        worth = self._device.elastic_bytes // max(self._set_bytes(), 1)
        if self._experiment.elastic:
            return max(1, min(worth, self._device.widest))
        return max(_WINDOW, worth)

    def _set_bytes(self) -> int:
        """One set of inputs and outputs."""
        return sum(tensor.size_bytes for tensor in (*self._oracle.inputs, *self._oracle.outputs))

    def _is_enough(self, sessions: Sequence[Session]) -> bool:
        if not any(session.role is Role.SUBMISSION for session in sessions):
            return True
        enough, warmups = self._experiment.enough, self._experiment.warmups
        disturbed = {r.call for r in self._results if not r.observed.clean}
        clean = {r.call for r in self._results if r.call >= warmups} - disturbed
        return bool(enough) and len(clean) >= enough

    def _learn_shapes(self) -> None:
        """One draw and one answer tell how large everything is; neither is used again."""
        shape_only = Inputs(draw=-1)
        start = time.monotonic()
        self._oracle.answer(shape_only, self._oracle.inputs_for(shape_only))
        self._reference_s = time.monotonic() - start
        if self._reference_s * len(self._experiment.calls) > self._bench.deadline.left():
            raise CannotJudge(
                f"one call of the reference takes {self._reference_s:.1f} s; "
                f"{len(self._experiment.calls)} of them do not fit into what is left of --timeout"
            )

    def _sessions(self, workers: Sequence[tuple[Role, Worker]]) -> list[Session]:
        """Those that have loaded what they are to call; they do it side by side."""
        widest = self._widest()
        slots = max(call.slot + len(call.inputs[:widest]) for call in self._calls)
        self._make_room(slots, max(len(call.inputs[:widest]) for call in self._calls))
        # Where it is timed it was seen to leave its inputs alone, so it may not write to them.
        read_only = self._experiment.timed and not self._oracle.changed_by_reference
        opened = []
        for role, worker in workers:
            opened.append(Session(role, worker, self._device, self._oracle, slots, read_only))
            self._opened.append(opened[-1])
        told = [one for one in opened if self._lives(partial(one.order, *self._order_for(one)))]
        return [one for one in told if self._lives(partial(one.load, self._bench.deadline.left()))]

    def _order_for(self, session: Session) -> tuple[dict[str, Any], list[int]]:
        canary = self._order.randrange(*_CANARIES) if self._experiment.traced else 0
        called = SUBMITTED
        if self._experiment.elsewhere:
            called = f"module_{self._order.getrandbits(32):x}"
        message, descriptors = load_message(self._bench, self._oracle, session.role, canary, called)
        if self._experiment.recorded:
            around = 2 * len(self._calls)
            message["canaries"] = [self._order.randrange(*_GRIDS) for _ in range(around)]
        return message, descriptors

    def _lives(self, step: Callable[[], None]) -> bool:
        try:
            step()
        except Ended as ended:
            self._end(ended)
            return False
        return True

    def _make_room(self, slots: int, width: int) -> None:
        """For workers with that many sets of inputs, and windows of that many calls."""
        both = (self._oracle.inputs, self._oracle.outputs)
        ins, outs = (sum(tensor.size_bytes for tensor in tensors) for tensors in both)
        wide_ins, wide_outs = (sum(tensor.wide_bytes for tensor in tensors) for tensors in both)
        # Inputs; what a window returns beside what the last one did, and its snapshot.
        role = slots * ins + width * 3 * outs
        # Draws, answers in the problem's dtypes and in float64, and those of the call before.
        here = (width + 1) * (ins + outs + wide_outs)
        oracle = 2 * (ins + wide_ins + outs + wide_outs)
        needed = role * len(self._experiment.roles) + here + oracle
        must_fit(self._device, needed, "the experiment needs", share=0.8)
        self._device.reserve(here)

    def _make(self, index: int, call: Call, sessions: list[Session]) -> None:
        """One call by every role, in random order, on the same inputs."""
        if not all(map(self._oracle.can_draw, call.inputs)):
            return
        raws = [self._oracle.inputs_for(wanted) for wanted in call.inputs]
        self._order.shuffle(sessions)
        turns: list[tuple[Role, Turn]] = []
        for session in list(sessions):
            try:
                turns.append((session.role, session.turn(index, call, raws, self._patience())))
            except Ended as ended:
                self._end(ended)
                sessions.remove(session)
                if self._lost:
                    return
        # Only now may anybody know what is right.
        answers = [
            self._oracle.answer(wanted, raw) for wanted, raw in zip(call.inputs, raws, strict=True)
        ]
        for role, turn in turns:
            self._results.append(self._checker.judge(index, role, turn, raws, answers))
        self._checker.remember(index, answers[0])

    def _patience(self) -> float:
        generous = max(_GENEROUS_S, 100 * self._reference_s)
        compiles = not COMPILE_MODES.keys().isdisjoint(self._experiment.roles)
        if compiles or self._experiment.elsewhere:
            generous = max(generous, _COMPILE_S)
        return min(generous, self._bench.deadline.left())

    def _end(self, ended: Ended) -> None:
        if ended.death.role is not Role.SUBMISSION:
            raise CannotJudge(f"the {ended.death.role}'s worker {ended.death.how}")
        limit_s = ended.death.limit_s
        if limit_s is not None and limit_s < _GENEROUS_S:
            raise OutOfTime(
                f"the submission had not finished when the time budget of "
                f"{self._bench.deadline.budget_s:.3g} s was spent ({self._bench.deadline.option})"
            )
        if limit_s is not None and self._bench.interpreted:
            raise CannotJudge(f"in a GPU's stead, a call was not finished after {limit_s:.0f} s")
        if ended.death.exit_code is None and limit_s is None and self._bench.pretends:
            raise CannotJudge(f"on a processor that pretends to be a GPU it {ended.death.how}")
        self._deaths.append(ended.death)
        self._lost = ended.lost or not self._device_lives()

    def _device_lives(self) -> bool:
        """A worker's fault may be seen there first."""
        try:
            self._device.settle()
        except self._device.losses:
            return False
        return True

    def _facts(self) -> dict[str, float | str]:
        circumstances = {
            SHARED_CORES: self._bench.zygote.shares_cores,
            PRETENDED: self._bench.pretends,
            REDUCED: self._bench.reduced,
        }
        return {
            "input_bytes": float(sum(tensor.size_bytes for tensor in self._oracle.inputs)),
            "output_bytes": float(sum(tensor.size_bytes for tensor in self._oracle.outputs)),
            "reference_changes_inputs": ",".join(map(str, self._oracle.changed_by_reference)),
            "wide_reference": self._oracle.wide_reference,
            "convention": str(self._bench.problem.convention),
            "threads": float(self._bench.zygote.threads),
            **{name: 1.0 for name, holds in circumstances.items() if holds},
            **self._device.facts(),
        }
