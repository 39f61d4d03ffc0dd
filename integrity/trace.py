"""What a worker's framework did while the kernel ran, by the worker's own account."""

from dataclasses import dataclass

from integrity.compiled import Compilation


@dataclass(frozen=True, slots=True)
class Operation:
    """One operator of torch's that computes something, over all traced calls."""

    name: str
    """As the dispatcher knows it: `aten.mm.out`."""

    calls: int
    elements: int
    """In the tensors that it gave, all calls together."""

    @property
    def kind(self) -> str:
        """The operator whatever its overload, and whether in place or not: `aten.mm`."""
        namespace, _, rest = self.name.partition(".")
        return f"{namespace}.{rest.partition('.')[0].removesuffix('_')}"


@dataclass(frozen=True, slots=True)
class Trace:
    """One worker's. It may be forged: it can incriminate, and never acquits."""

    operations: tuple[Operation, ...] = ()
    replaced: tuple[str, ...] = ()
    """Functions that harnesses rely on and that are not what they were before the kernel was
    loaded: `time.perf_counter`."""

    switched: tuple[str, ...] = ()
    """Global settings of torch's that changed: `default dtype: float32, then float64`."""

    results: tuple[str, ...] = ()
    """What was done to a descriptor that looks like a harness's for results: `writes to`."""

    libraries: tuple[str, ...] = ()
    """File names of the shared libraries that were mapped since."""

    calls: int = 0
    library_answers: int = 0
    """Traced calls; and those whose outputs torch's operators computed, from the arguments on."""

    deferred: int = 0
    """Outputs whose bytes changed when they were read, just after they had been returned."""

    compilation: Compilation | None = None
    """The Triton kernels that its latest call launched, as compiled for the device at hand."""

    complete: bool = True
    """Whether it shows the operator that was slipped in with every call, as often as it was."""
