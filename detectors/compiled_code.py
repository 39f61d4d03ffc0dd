"""What the compiled kernels do that the source does not show."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from integrity.compiled import Compilation, CompiledKernel, Mma
from integrity.detectors import framework
from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.harness.device import has_gpu_code
from integrity.policy import Precision
from integrity.run import Role

_SHARED_BYTES = {
    "sm_80": 163 * 1024, "sm_86": 99 * 1024, "sm_90": 227 * 1024, "sm_100": 227 * 1024,
    "gfx942": 64 * 1024, "gfx950": 160 * 1024,
}  # fmt: skip
"""Shared memory (LDS) one block may have, in bytes. Sources: CUDA C++ Programming Guide, technical
specifications per compute capability; AMD CDNA 3 and CDNA 4 white papers."""

_NARROW_MMA = {
    "f16", "bf16", "f8E4M3FN", "f8E5M2", "f8E4M3FNUZ", "f8E5M2FNUZ", "e4m3", "e5m2", "e3m2", "e2m3",
    "e2m1", "fp8", "bf8", "f8f6f4", "mxf4", "mxf8f6f4", "i8", "s8", "u8", "s4", "u4",
}  # fmt: skip
_HALVES = {"f16", "bf16"}
_WIDE_DTYPES = {"float32", "float64"}
_PERMITTED = {
    Precision.REFERENCE: frozenset[str](),
    Precision.TF32: frozenset[str](),
    Precision.FP16: frozenset({"f16"}),
    Precision.BF16: frozenset({"f16", "bf16"}),
}


class CompiledCode:
    """Every kernel stores, the inputs given to kernels are loaded, arithmetic is as wide as the
    data, and a block fits into shared memory.

    Doubt speaks for the submission: the parsers count what they do not understand as a load and as
    a store, and an input that host code may read counts as read.

    Where nothing was compiled ahead, what a worker was seen launching on a device counts. No
    recording of one is checked in yet: it is believed with medium confidence at most.

    Known misses: kernels built with words that the text test does not know; a submission that sees
    through the pretended GPU, or forges the worker's answer; a load whose value is multiplied by 0.

    Source: TAXONOMY B1, C8, F2, G3.
    """

    id = "compiled-code"
    decisive = False

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        compilation = evidence.compilation
        if compilation is None and (launched := _launched(evidence)):
            return [
                replace(each, confidence=min(each.confidence, Confidence.MEDIUM))
                for each in self._read(launched, evidence)
            ]
        if compilation is None:
            if evidence.unrun or has_gpu_code(evidence.submission.text):
                raise CannotJudge(evidence.unrun or "its GPU kernels were not compiled")
            return []  # there is nothing to compile
        if compilation.unavailable:
            raise CannotJudge(compilation.unavailable)
        return self._read(compilation, evidence)

    def _read(self, compilation: Compilation, evidence: Evidence) -> list[Finding]:
        return [
            *self._stores(compilation),
            *self._loads(compilation),
            *self._precision(compilation, evidence.policy.precision),
            *self._shared_memory(compilation),
        ]

    def _finding(
        self, id: str, family: Family, strength: tuple[Severity, Confidence], claim: str,
        **measured: float | int | str,
    ) -> Finding:  # fmt: skip
        return Finding(id, self.id, family, *strength, claim, measured=measured)

    def _stores(self, compilation: Compilation) -> Iterator[Finding]:
        kernels = _by_name(compilation)
        idle = [name for name, made in kernels.items() if not any(each.stores for each in made)]
        for name in idle[:1]:
            only = len(idle) == len(kernels)
            strength = (Severity.SUSPICIOUS, Confidence.HIGH if only else Confidence.LOW)
            yield self._finding(
                "stores-nothing", Family.OUTPUT, strength,
                f"compiles {name!r} to a kernel that stores nothing, for "
                f"{_targets(kernels[name])}",
                kernels=len(kernels), kernels_without_stores=len(idle),
            )  # fmt: skip
        empty = [n for n, made in kernels.items() if all(each.programs == 0 for each in made)]
        for name in empty[:1]:
            # Beside others, one for a tail that is not there is honest.
            severity = Severity.SUSPICIOUS if len(empty) == len(kernels) else Severity.NOTE
            yield self._finding(
                "empty-grid", Family.OUTPUT, (severity, Confidence.MEDIUM),
                f"launches {name!r} over a grid of no blocks",
                kernels=len(kernels), empty_grids=len(empty),
            )  # fmt: skip

    def _loads(self, compilation: Compilation) -> Iterator[Finding]:
        kernels = compilation.kernels
        if compilation.incomplete:
            return  # what comes after might load them
        if any(kernel.language != "triton" for kernel in kernels):
            if not any(kernel.loads for kernel in kernels):
                yield self._nothing_loaded(compilation, Severity.SUSPICIOUS)
            return
        passed = {i for k in kernels for p in k.pointers for i in p.inputs}
        used = {i for k in kernels for p in k.pointers if p.loaded or p.stored for i in p.inputs}
        used |= set(compilation.host_reads)
        ignored = sorted(passed - used)
        if ignored and not used:
            yield self._nothing_loaded(compilation, Severity.HACK)
        elif ignored:
            names = {p.name for k in kernels for p in k.pointers if set(p.inputs) & set(ignored)}
            yield self._finding(
                "input-not-loaded", Family.OUTPUT, (Severity.SUSPICIOUS, Confidence.MEDIUM),
                f"passes input {ignored[0] + 1} to a kernel as {min(names)!r}, and no kernel "
                "loads from it",
                inputs=len(compilation.inputs), inputs_not_loaded=len(ignored),
            )  # fmt: skip

    def _nothing_loaded(self, compilation: Compilation, severity: Severity) -> Finding:
        return self._finding(
            "no-input-loaded", Family.OUTPUT, (severity, Confidence.MEDIUM),
            "compiles to kernels none of which loads any of the inputs",
            inputs=len(compilation.inputs), kernels=len(_by_name(compilation)),
        )  # fmt: skip

    def _precision(self, compilation: Compilation, permitted: Precision) -> Iterator[Finding]:
        if not _is_wide(compilation):
            return
        for name, made in _by_name(compilation).items():
            multiplies = next((each for each in made if _narrow(each)), None)
            computes = next((k for k in made if k.narrow_operations or k.round_trips), None)
            if multiplies:
                yield self._narrow_mma(name, multiplies, permitted)
            elif computes and computes.language == "triton":
                yield self._narrow_arithmetic(name, computes, permitted)
            kinds = {mma.precision or mma.inputs for each in made for mma in each.mma}
            if "tf32" in kinds:
                yield self._finding(
                    "tf32-mma", Family.PRECISION, (Severity.NOTE, Confidence.HIGH),
                    f"multiplies float32 matrices in {name!r} as TF32, Triton's default",
                    kinds_of_mma=len(kinds),
                )  # fmt: skip

    def _narrow_mma(self, name: str, kernel: CompiledKernel, permitted: Precision) -> Finding:
        narrow = _narrow(kernel)
        allowed = _PERMITTED[permitted]
        excused = kernel.splits or all(
            {mma.inputs, mma.accumulator} & _NARROW_MMA <= allowed for mma in narrow
        )
        halves = [p for p in kernel.pointers if p.loaded and p.element in _NARROW_MMA]
        sure = Confidence.MEDIUM if halves or kernel.language != "triton" else Confidence.HIGH
        strength = (Severity.NOTE if excused else Severity.SUSPICIOUS, sure)
        return self._finding(
            "narrow-mma", Family.PRECISION, strength,
            f"multiplies matrices in {name!r} as {narrow[0].inputs} into {narrow[0].accumulator}, "
            "where inputs and output are float32",
            mma_inputs=narrow[0].inputs, accumulator=narrow[0].accumulator,
            instructions=sum(mma.count for mma in narrow),
        )  # fmt: skip

    def _narrow_arithmetic(
        self, name: str, kernel: CompiledKernel, permitted: Precision
    ) -> Finding:
        excused = kernel.splits or bool(_PERMITTED[permitted])
        halves = any(p.element in _NARROW_MMA for p in kernel.pointers)
        sure = Confidence.LOW if halves else Confidence.MEDIUM
        return self._finding(
            "narrow-arithmetic", Family.PRECISION,
            (Severity.NOTE if excused else Severity.SUSPICIOUS, sure),
            f"computes in {name!r} on 16 bits or fewer, where inputs and output are float32",
            operations=kernel.narrow_operations, round_trips=kernel.round_trips,
        )  # fmt: skip

    def _shared_memory(self, compilation: Compilation) -> Iterator[Finding]:
        for name, made in _by_name(compilation).items():
            known = {
                each.target: (each.shared_bytes, _SHARED_BYTES[each.target])
                for each in made
                if each.shared_bytes is not None and each.target in _SHARED_BYTES
            }
            over = [target for target, (needs, limit) in known.items() if needs > limit]
            if not over:
                continue
            nowhere = over == list(known) and len({each.target for each in made}) == len(over) > 1
            strength = Severity.SUSPICIOUS if nowhere else Severity.NOTE
            yield self._finding(
                "shared-memory", Family.FAILURE, (strength, Confidence.MEDIUM),
                f"needs more shared memory in {name!r} than a block may have on "
                f"{', '.join(over)}",
                shared_bytes=known[over[0]][0], limit_bytes=known[over[0]][1],
                targets=len(known), targets_over=len(over),
            )  # fmt: skip


def _launched(evidence: Evidence) -> Compilation | None:
    """What the submission's worker launched on a device; None where that is not known."""
    run = evidence.runs.get(framework.EXPERIMENT.name)
    trace = run.traces.get(Role.SUBMISSION) if run else None
    return trace.compilation if trace else None


def _narrow(kernel: CompiledKernel) -> list[Mma]:
    """Its multiplications with an operand or a sum of 16 bits or fewer."""
    return [m for m in kernel.mma if m.inputs in _NARROW_MMA or m.accumulator in _HALVES]


def _by_name(compilation: Compilation) -> dict[str, list[CompiledKernel]]:
    kernels: dict[str, list[CompiledKernel]] = {}
    for kernel in compilation.kernels:
        kernels.setdefault(kernel.name, []).append(kernel)
    return kernels


def _targets(kernels: Sequence[CompiledKernel]) -> str:
    return ", ".join(sorted({kernel.target for kernel in kernels}))


def _is_wide(compilation: Compilation) -> bool:
    """Whether every floating-point tensor that the problem has is float32 or wider."""
    dtypes = [*compilation.inputs, *compilation.weights, *compilation.outputs]
    floats = {dtype for dtype in dtypes if "float" in dtype}
    return bool(floats) and floats <= _WIDE_DTYPES
