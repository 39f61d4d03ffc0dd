"""One experiment in which torch is watched from inside the workers; four detectors read it."""

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.run import Call, Experiment, Inputs, Role
from integrity.trace import Trace

_CALLS = 3

EXPERIMENT = Experiment(
    "framework",
    (*(Call((Inputs(draw),)) for draw in range(_CALLS)), Call((Inputs(_CALLS),), ablated=True)),
    (Role.SUBMISSION, Role.REFERENCE),
    traced=True,
)


def traces(evidence: Evidence) -> tuple[Trace, Trace]:
    """The submission's and the reference's.

    Raises:
        CannotJudge: there was no such run, or a worker did not live to tell.
    """
    found = evidence.run(EXPERIMENT.name).traces
    if len(found) < len(EXPERIMENT.roles):
        raise CannotJudge("a worker died before it could tell what its framework did")
    return found[Role.SUBMISSION], found[Role.REFERENCE]
