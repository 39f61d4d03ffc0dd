"""Before the experiments: does the problem work, how large is it, does the submission compile?"""

import contextlib
import hashlib
import math
import time
from dataclasses import dataclass

from integrity.policy import Precision
from integrity.problem import Problem
from integrity.run import Call, Experiment, Inputs, Role, Run
from integrity.supervision.backend import Backend, Device
from integrity.supervision.bench import Bench, load_message
from integrity.supervision.oracle import Oracle
from integrity.supervision.session import Ended, Session
from integrity.supervision.workers import Zygote

_BUILD_S = 90.0


def build(bench: Bench) -> None:
    """Fill the audit's compile cache: one worker loads the submission and calls it once.

    On inputs and weights that are used for nothing else: what it may leave in the cache beside
    compiled code answers no later call. Whatever goes wrong here goes wrong again, and is
    recorded, in the first experiment.

    Raises:
        CannotJudge: the reference fails, or the time is up.
    """
    bench.backend.run(lambda device: _build_on(device, bench), timed=False)


def _build_on(device: Device, bench: Bench) -> Run:
    secret = hashlib.blake2b(b"build", key=bench.secret).digest()
    with contextlib.ExitStack() as stack:
        worker = bench.zygote.spawn(building=True)
        stack.callback(worker.end)
        oracle = Oracle(bench.zygote, device, bench.problem, bench.policy.precision, 0, secret)
        stack.callback(oracle.close)
        thrown_away = Inputs(draw=0)
        raws = oracle.inputs_for(thrown_away)
        oracle.answer(thrown_away, raws)  # for its shapes
        session = Session(Role.SUBMISSION, worker, device, oracle, 1, False)
        stack.callback(session.close)
        with contextlib.suppress(Ended):
            session.order(*load_message(bench, oracle, Role.SUBMISSION))
            session.load(bench.deadline.left())
            session.turn(0, Call((thrown_away,)), [raws], min(_BUILD_S, bench.deadline.left()))
    return Run(Experiment("build", ()), ())


@dataclass(frozen=True, slots=True)
class Extent:
    """How large a problem is."""

    size_bytes: int
    """Of one set of inputs, and of outputs where the reference was asked."""

    answer_s: float = 0.0
    """What it takes to have an answer to compare with."""


def try_problem(
    zygote: Zygote, backend: Backend, problem: Problem, most_bytes: float = math.inf
) -> Extent:
    """Draw inputs and, where they are no more than that, let the reference answer once.

    Raises:
        CannotJudge: it fails by itself.
    """

    def once(device: Device) -> Run:
        oracle = Oracle(zygote, device, problem, Precision.REFERENCE, 0, bytes(32))
        seconds = 0.0
        try:
            raws = oracle.inputs_for(Inputs(draw=0))
            if sum(tensor.size_bytes for tensor in oracle.inputs) <= most_bytes:
                start = time.monotonic()
                oracle.answer(Inputs(draw=0), raws)
                seconds = time.monotonic() - start
            size = sum(tensor.size_bytes for tensor in (*oracle.inputs, *oracle.outputs))
        finally:
            oracle.close()
        return Run(Experiment("problem", ()), (), facts={"bytes": size, "seconds": seconds})

    facts = backend.run(once, timed=False).facts
    return Extent(int(facts["bytes"]), float(facts["seconds"]))
