"""Every detector, cheapest first: the audit asks them in this order."""

from integrity.detectors.ablation import Ablation
from integrity.detectors.baseline_alone import BaselineAlone
from integrity.detectors.batches import Batches
from integrity.detectors.call_sites import CallSites
from integrity.detectors.clock_agreement import ClockAgreement
from integrity.detectors.compiled_code import CompiledCode
from integrity.detectors.conditions import Conditions
from integrity.detectors.counters import Counters
from integrity.detectors.deferred_output import DeferredOutput
from integrity.detectors.detector import Detector
from integrity.detectors.determinism import Determinism
from integrity.detectors.fresh_inputs import FreshInputs
from integrity.detectors.fresh_pages import FreshPages
from integrity.detectors.host_offload import HostOffload
from integrity.detectors.idle_calls import IdleCalls
from integrity.detectors.idle_gaps import IdleGaps
from integrity.detectors.input_influence import InputInfluence
from integrity.detectors.input_jitter import InputJitter
from integrity.detectors.judge import Judge
from integrity.detectors.late_write import LateWrite
from integrity.detectors.launch_signature import LaunchSignature
from integrity.detectors.left_running import LeftRunning
from integrity.detectors.library_work import LibraryWork
from integrity.detectors.loaded_libraries import LoadedLibraries
from integrity.detectors.off_stream import OffStream
from integrity.detectors.output_memory import OutputMemory
from integrity.detectors.physics_floor import PhysicsFloor
from integrity.detectors.pointers import Pointers
from integrity.detectors.precision import Precision
from integrity.detectors.relied_on import ReliedOn
from integrity.detectors.repeated_values import RepeatedValues
from integrity.detectors.sanitizer import Sanitizer
from integrity.detectors.shapes import Shapes
from integrity.detectors.silenced_recorder import SilencedRecorder
from integrity.detectors.speedup import Speedup
from integrity.detectors.spin import Spin
from integrity.detectors.static import Static
from integrity.detectors.stochastic_output import StochasticOutput
from integrity.detectors.surroundings import Surroundings
from integrity.detectors.timer_event import TimerEvent
from integrity.detectors.trivial_submissions import TrivialSubmissions
from integrity.detectors.vendor_kernels import VendorKernels
from integrity.detectors.worker_death import WorkerDeath

DETECTORS: tuple[Detector, ...] = (
    Static(),
    CompiledCode(),
    WorkerDeath(),
    FreshInputs(),
    StochasticOutput(),
    OutputMemory(),
    LateWrite(),
    ClockAgreement(),
    Precision(),
    Pointers(),
    InputInfluence(),
    InputJitter(),
    Shapes(),
    Determinism(),
    ReliedOn(),
    DeferredOutput(),
    LibraryWork(),
    Ablation(),
    LoadedLibraries(),
    SilencedRecorder(),
    OffStream(),
    VendorKernels(),
    LaunchSignature(),
    HostOffload(),
    TimerEvent(),
    IdleCalls(),
    TrivialSubmissions(),
    Speedup(),
    PhysicsFloor(),
    IdleGaps(),
    RepeatedValues(),
    CallSites(),
    Spin(),
    FreshPages(),
    LeftRunning(),
    BaselineAlone(),
    Surroundings(),
    Batches(),
    Conditions(),
    Sanitizer(),
    Counters(),
    Judge(),
)
