"""Compiles a submission once, before the experiments, so that each finds it compiled."""

import contextlib
import hashlib

from integrity.run import Call, Experiment, Inputs, Role, Run
from integrity.supervision.backend import Device
from integrity.supervision.bench import Bench, load_message
from integrity.supervision.oracle import Oracle
from integrity.supervision.session import Ended, Session

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
