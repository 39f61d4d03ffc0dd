"""Experiments a probe asks for, and what came back from running them.

An experiment is data: a probe never holds the kernel. A run can be frozen as JSON today
and judged again tomorrow by a better detector.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from integrity.device_trace import DeviceTrace
from integrity.trace import Trace

SHARED_CORES = "shared_cores"
"""The fact of a run whose supervisor had no core to itself, so that nobody's time means anything:
both sides poll, and each keeps the other waiting."""

PRETENDED, REDUCED = "pretended", "reduced"
"""Facts of runs on a processor: the submission found one that says it is a GPU; its problem was
smaller than the declared one."""

SANITIZER, COUNTERS = "sanitizer", "counters"
"""Names of the runs that are made below compute-sanitizer and ncu, where they are asked for. They
have no calls, only facts: see `supervision.instruments`."""


class Role(StrEnum):
    """Who sits behind the gate of one call."""

    SUBMISSION = "submission"
    REFERENCE = "reference"  # the baseline, by the same protocol
    CONTROL = "control"  # the reference once more, in the submission's place: A/A
    COMPILED = "compiled"  # the reference under torch.compile: a baseline of its own
    GRAPHED = "graphed"  # the same, replayed as CUDA graphs
    NULL = "null"  # returns a ready output: what the protocol itself costs


class Site(StrEnum):
    """Which call site in the worker makes the call; they only look different."""

    BENCHMARK = "benchmark"
    EVALUATE = "evaluate"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Which values the inputs take. Equal specs give equal bytes."""

    draw: int
    """Number of a fresh draw from the problem's generator; its seed never leaves the supervisor
    and the oracle."""

    jitter: str = ""
    """A distribution jitter applied to the floating-point inputs: see `supervision.jitter`."""

    perturb: tuple[int, int, int] | None = None
    """(input, region, regions): change that one of the `regions` that the input is cut into."""

    edit: bool = False
    """Change the draw's first floating-point element, and nothing else."""

    @property
    def is_plain(self) -> bool:
        """Values as the problem draws them, but for one element at most."""
        return not self.jitter and self.perturb is None


@dataclass(frozen=True, slots=True)
class Call:
    """One window: open the gate, run the kernel on every slot, close it."""

    inputs: tuple[Inputs, ...]
    """One for each call inside the window; each has its own buffers and its own check."""

    slot: int = 0
    """Which buffers the first of them uses, the next the following: equal slots, equal pointers."""

    gap_us: int = 0
    """Idle time between arming the worker and opening the gate, and after it is done."""

    site: Site = Site.BENCHMARK

    fresh_pages: bool = False
    """Buffers in other physical memory, at other addresses, than in the call before."""

    spin_us: int = 0
    """Time that the worker idles away inside the window, by its own clock, before it calls."""

    ablated: bool = False
    """The submission's own kernels do nothing; only where the worker's framework is watched."""

    @property
    def is_plain(self) -> bool:
        """Whether every kernel has to be right here."""
        return not self.ablated and all(inputs.is_plain for inputs in self.inputs)


@dataclass(frozen=True, slots=True)
class Experiment:
    """Calls made one after another, each role in one fresh process of its own."""

    name: str
    """Experiments whose names agree up to a colon draw the same inputs and weights."""

    calls: tuple[Call, ...]
    roles: tuple[Role, ...] = (Role.SUBMISSION,)
    """For every call these go through the gate in random order, on the same inputs."""

    workload: int = 0
    """Index into the problem's workloads."""

    warmups: int = 0
    """The first calls of `calls`: checked like all others, but their times are not evidence."""

    elastic: bool = False
    """The calls' windows may be cut short: to one call in the warm-ups, and then to as many as make
    a window of about 2 ms of the reference. What a window costs by itself, from cold caches on, is
    shared by its calls."""

    enough: int = 0
    """Stop after this many calls past the warm-ups that were clean for every role; 0: make all.
    The calls beyond it are spares for those that other processes disturb."""

    traced: bool = False
    """Each worker's framework is watched from inside: see `trace.Trace`."""

    timed: bool = False
    """Pointless where the submission can't be timed: Triton's interpreter."""

    alone: int = 0
    """The first calls are made before the submission is loaded, by the other roles."""

    recorded: bool = False
    """Each worker's device is recorded: see `device_trace.DeviceTrace`. Only where there is one."""

    elsewhere: bool = False
    """Workers have another home, no compiled kernels but extensions, and the submission's module
    another name."""


@dataclass(frozen=True, slots=True)
class Check:
    """One output compared with the reference, by the supervisor."""

    mismatched_share: float
    """Share of output elements outside the tolerance, 0 to 1."""

    error: float
    """RMS error against the widest-dtype reference, relative to the output's RMS."""

    reference_error: float
    """The same for the reference in its own dtype: what honest rounding costs."""

    matches_call: int | None = None
    """An earlier call whose reference this output equals, while it is wrong for its own."""

    constant: bool = False
    """Every element has one value, while the reference's differ."""

    copies_input: bool = False
    """It is an input's bytes, while the reference's is not."""

    digest: str = ""
    """Of the output's bytes: equal digests, equal bytes."""

    reference_digest: str = ""

    refused: str = ""
    """Why the problem's own check said no; asked only where elements are outside the tolerance."""

    p_value: float | None = None
    """That the reference draws such an output; None where it answers equal inputs equally."""

    accepted: bool = False
    """The problem's own check said yes to what is outside the tolerance."""

    @property
    def wrong(self) -> bool:
        """Whether this is not the reference's output. A problem's own check has the last word."""
        return self.mismatched_share > 0 and not self.accepted


@dataclass(frozen=True, slots=True)
class Observed:
    """What the supervisor saw of one call. The submission can't forge it."""

    elapsed_us: float
    """From opening the gate to done, by the supervisor's clock; protocol cost included."""

    resume_us: float
    """From thawing the worker to its first sign of life; the gate is still closed then. A worker
    that uses this time to start early takes longer here than the null does."""

    checks: tuple[Check, ...]
    """One for each call in the window."""

    late_bytes: int = 0
    """Output bytes that changed between done and the second snapshot."""

    guard_bytes: int = 0
    """Guard-band bytes that were overwritten."""

    changed_inputs: tuple[int, ...] = ()
    """Inputs that did not come back as they went in."""

    cpu_us: float = 0.0
    """CPU time of the worker's whole process tree inside the window."""

    idle_cpu_us: float = 0.0
    """CPU time it used after done, where it has nothing to do."""

    children: int = 0
    threads: int = 0
    """Processes besides the worker's own, and threads in all of them, once that time was over."""

    contended_us: float = 0.0
    """How much of it other processes took from supervisor or worker, by the kernel's books."""

    disturbance: str = ""
    """Why the device was not itself: throttled, or somebody else's too."""

    open_gate: bool = False
    """The submission needed its host after the inputs existed, so that host time is part of the
    time: it reads data, synchronises, or enqueues more than a device's queue holds."""

    @property
    def clean(self) -> bool:
        """Whether the time is the kernel's own: others took at most 3 % of it, or 50 us."""
        return not self.disturbance and self.contended_us <= max(50.0, 0.03 * self.elapsed_us)


@dataclass(frozen=True, slots=True)
class Reported:
    """What the worker says. The submission may have forged it."""

    elapsed_us: float
    """Of the whole window, by the timers that in-process harnesses use."""

    same_storage_as_input: tuple[int, ...] = ()
    """Inputs whose memory the returned output shares."""

    threads: int = 0

    kernel_us: float = 0.0
    """Of the kernel's calls alone, by the same timers."""

    silenced: int = 0
    """Launches of its kernels that did nothing, since they were taken out."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """One role's turn at one call."""

    call: int
    """Index into the experiment's calls."""

    role: Role
    observed: Observed
    reported: Reported


@dataclass(frozen=True, slots=True)
class Death:
    """A worker that did not finish: by whom, at which call, and how it died."""

    role: Role
    call: int | None
    """None while it was being loaded."""

    how: str
    """`raised ValueError: ...`, `was killed by SIGSEGV`, `timed out after 10 s`."""

    exit_code: int | None = None
    """What it passed to exit; None where it did not end the process itself."""

    limit_s: float | None = None
    """The time limit that it ran into."""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that came back from one experiment."""

    experiment: Experiment
    results: tuple[CallResult, ...]
    deaths: tuple[Death, ...] = ()
    facts: Mapping[str, float | str] = field(default_factory=dict)
    """What else the supervisor noted: `input_bytes`, `output_bytes`, `wide_reference`."""

    traces: Mapping[Role, Trace] = field(default_factory=dict)
    """Of a traced experiment's workers that lived."""

    device_traces: Mapping[Role, DeviceTrace] = field(default_factory=dict)
    """Of a recorded experiment's workers that lived."""

    def of(self, role: Role) -> Iterator[CallResult]:
        """That role's results, in call order."""
        return (result for result in self.results if result.role is role)

    def death_of(self, role: Role) -> Death | None:
        """How that role's worker died, or None if it lived."""
        return next((death for death in self.deaths if death.role is role), None)
