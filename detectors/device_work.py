"""One experiment in which workers' devices are recorded; the detectors of device work read it."""

import re
from collections.abc import Iterator

from integrity.device_trace import DeviceTrace, Kind, Record
from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.run import Call, Experiment, Inputs, Role, Site

EXPERIMENT = Experiment(
    "device-work",
    tuple(
        Call((Inputs(draw),), site=site)
        for draw, site in (
            (0, Site.BENCHMARK),
            (1, Site.EVALUATE),
            (2, Site.BENCHMARK),
            (3, Site.EVALUATE),
            (2, Site.EVALUATE),
            (3, Site.BENCHMARK),
        )
    ),
    (Role.SUBMISSION, Role.REFERENCE),
    recorded=True,
)

_VENDOR = re.compile(
    r"^nvjet_"  # cuBLAS, from CUDA 12.8 on
    r"|^(sm\d+_xmma|ampere_|volta_|turing_|maxwell_)\w*(gemm|conv|fprop|dgrad|wgrad)"
    r"|cutlass_\d+_"  # the generated instances in cuBLAS and cuDNN
    r"|^_ZN\d+(cublas|cudnn|cusparse|cusolver|cufft)"  # namespaces, as mangled
    r"|^_ZN(8internal5gemvx|2at6native|2at4cuda|14at_cuda_detail)"
)
"""Names of kernels in cuBLAS, cuDNN and torch."""

WARM = 2
"""Calls in which an honest kernel may still compile, tune itself and fetch its workspace."""


def applies(evidence: Evidence) -> bool:
    """Whether there was a device: a CPU's work has no records, and nothing is missing then.

    Where nothing was run at all, the question is open.
    """
    runs = evidence.runs.values()
    known = EXPERIMENT.name in evidence.runs or EXPERIMENT.name in evidence.skipped
    return known or not runs or any("device" in run.facts for run in runs)


def traces(evidence: Evidence) -> tuple[DeviceTrace, DeviceTrace]:
    """The submission's and the reference's.

    Raises:
        CannotJudge: there was no such run, a worker did not live to tell, or this machine does not
            even show what the reference's device did.
    """
    found = evidence.run(EXPERIMENT.name).device_traces
    if len(found) < len(EXPERIMENT.roles):
        raise CannotJudge("a worker died before it could tell what its device did")
    ours, reference = found[Role.SUBMISSION], found[Role.REFERENCE]
    if reference.unavailable:
        raise CannotJudge(f"devices were not recorded: {reference.unavailable}")
    if not reference.complete:
        raise CannotJudge("the records do not even show all that the reference's device did")
    return ours, reference


def whole(evidence: Evidence) -> tuple[DeviceTrace, DeviceTrace]:
    """The same, where the submission's shows everything.

    Raises:
        CannotJudge: it does not, or as `traces`.
    """
    ours, reference = traces(evidence)
    if not ours.complete:
        raise CannotJudge("the records do not show all that its device did")
    if ours.left_out or reference.left_out:
        raise CannotJudge(f"it did more than is recorded: {ours.left_out} records were left out")
    return ours, reference


def kernels(trace: DeviceTrace, call: int | None) -> Iterator[Record]:
    """What that call launched."""
    return (each for each in trace.work(call) if each.kind is Kind.KERNEL)


def is_library(record: Record) -> bool:
    """Whether its name is one of a vendor's."""
    return bool(_VENDOR.search(record.name))


def warm_calls(trace: DeviceTrace) -> range:
    """The calls past the first."""
    return range(WARM, len(trace.windows))
