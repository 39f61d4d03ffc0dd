"""What a submission's kernels became when they were compiled for GPUs that are not here.

Small facts and digests, no texts: frozen evidence stays small.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mma:
    """One kind of matrix multiply-accumulate, by what the instruction says."""

    inputs: str
    """The narrower operand's element type: `f32`, `f16`, `bf16`, `f8E4M3FN`, `i8`."""

    accumulator: str
    precision: str = ""
    """How float32 operands are multiplied, where it is said: `tf32`, `tf32x3`, `ieee`."""

    count: int = 1


@dataclass(frozen=True, slots=True)
class Pointer:
    """A kernel's parameter that points into memory."""

    name: str
    element: str
    """`f32`, `f16`, `bf16`, `i32`; as Triton spells it."""

    loaded: bool
    """Whether a load may go through it: doubt counts as a load."""

    stored: bool
    """The same for stores and atomics."""

    inputs: tuple[int, ...] = ()
    """The harness's inputs that were passed here, as the worker says."""


@dataclass(frozen=True, slots=True)
class CompiledKernel:
    """One kernel, compiled for one target with one set of constants."""

    name: str
    language: str
    """`triton` or `cuda`."""

    target: str
    """`sm_90`, `gfx942`."""

    pointers: tuple[Pointer, ...] = ()
    """Empty for CUDA text, whose parameters PTX does not tell apart."""

    stores: int = 0
    """Store and atomic instructions to global memory in what was parsed; doubt counts."""

    loads: int = 0
    """Load instructions from global memory."""

    mma: tuple[Mma, ...] = ()
    narrow_operations: int = 0
    """Additions, multiplications and the like on elements of 16 bits or fewer."""

    round_trips: int = 0
    """Values that are narrowed and widened again."""

    splits: bool = False
    """It keeps what narrowing cut off, as emulations of a wider type do."""

    shared_bytes: int | None = None
    """Shared memory (LDS) of one block, as the compiler laid it out; None where no machine code
    was made."""

    programs: int | None = None
    """Most blocks in a launch; None where that is not known."""

    digest: str = ""
    """BLAKE2b of the texts that the facts were read from."""


@dataclass(frozen=True, slots=True)
class Compilation:
    """One call of the submission on a pretended GPU, and everything it compiled."""

    kernels: tuple[CompiledKernel, ...] = ()
    inputs: tuple[str, ...] = ()
    """Dtypes of the harness's inputs, in order."""

    weights: tuple[str, ...] = ()
    """Dtypes of the reference's weights."""

    outputs: tuple[str, ...] = ()
    """Dtypes of what the call returned, as the worker says."""

    host_reads: tuple[int, ...] = ()
    """Inputs whose values other code than these kernels may have read."""

    failures: tuple[str, ...] = ()
    """What did not compile, and why."""

    incomplete: str = ""
    """Why the call did not finish; what was compiled before still counts."""

    unavailable: str = ""
    """Why there is nothing to look at; empty where there is."""
