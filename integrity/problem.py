"""The task a submission claims to solve. Text and data: nobody has run it yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Convention(StrEnum):
    """How a harness calls its entry point."""

    MODULE = "module"  # Entry(*init_inputs)(*inputs): KernelBench
    ARGUMENTS = "arguments"  # entry(*inputs): plain pair
    DATA = "data"  # entry(data), outputs may be passed in: GPU MODE


Workload = Mapping[str, int | float | str | bool]
"""Keyword arguments for `make_inputs`; a name after `CONSTANT` is a constant of the reference's
module instead, and `CAST` is the dtype that floating-point inputs and weights are cast to."""

CONSTANT, CAST = "constant ", "cast"


@dataclass(frozen=True, slots=True)
class Problem:
    """A reference, an input generator and the names a harness gives them."""

    harness: str
    """Id of the harness format: `kernelbench`, `gpu-mode`, `pair`."""

    convention: Convention

    sources: Mapping[str, str]
    """Module name to source text; `reference` is the one that holds the entries below."""

    reference: str
    """`Model`, `ref_kernel` or `reference`."""

    make_inputs: str
    """`get_inputs`, `generate_input` or `make_inputs`."""

    make_init_inputs: str = ""
    """`get_init_inputs`, or empty where the harness has none."""

    check: str = ""
    """`check_implementation`, or empty where outputs are compared with the reference only."""

    workloads: tuple[Workload, ...] = ({},)
    """One operating point each; the first is the one that all probes use."""

    shared: tuple[str, ...] = ()
    """Modules of `sources` that the submission may import too: `task`, `utils`."""

    path: Path | None = None
    """Where the reference was found."""

    trusted: bool = True
    """False where the reference was cut out of the submission's own file."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a harness adapter makes of a path: how to call it, and against what."""

    harness: str
    entry: str
    """The name the harness calls in the submission: `ModelNew`, `custom_kernel`, `kernel`."""

    problem: Problem | None
    """None where no reference was found: the dynamic detectors abstain."""

    why: tuple[str, ...] = field(default=())
    """How the format, the entry and the reference were recognised, a sentence each."""
