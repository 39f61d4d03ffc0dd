"""Has one sandboxed worker compile the submission's kernels, and reads what came out.

The worker's answer is as untrusted as the submission: a text is parsed, never believed to be
complete, so that facts from here can speak against a submission and never for it.
"""

import contextlib
import hashlib
import time
from collections.abc import Iterator
from typing import Any

from integrity.compiled import Compilation, CompiledKernel, Mma, Pointer
from integrity.errors import CannotJudge
from integrity.run import Inputs, Role
from integrity.supervision import machine_code, ttir
from integrity.supervision.backend import CpuBackend
from integrity.supervision.bench import Bench, load_message
from integrity.supervision.endings import WorkerDied, WorkerRaised
from integrity.supervision.memory import as_layouts
from integrity.supervision.oracle import Oracle
from integrity.supervision.workers import Worker

_PATIENCE_S = 20.0
_IR_SHARE, _MACHINE_CODE_S = 0.6, 4.0
"""Share of the time for the call and Triton's IR; and how much of the rest machine code may take.
The worker starts no other compilation after that."""

_MAX_KERNELS = 160
_MAX_TEXT, _MAX_TEXTS = 1 << 20, 4 << 20


def look(bench: Bench, patience_s: float = _PATIENCE_S) -> Compilation:
    """One call of the submission on a pretended GPU, and what it compiled for real ones.

    Whatever goes wrong is in `unavailable`; nothing here ends an audit.
    """
    try:
        patience_s = min(patience_s, bench.deadline.left() / 2)
        # Weights and inputs of their own: these a submission may know, they are used for nothing.
        secret = hashlib.blake2b(b"compile", key=bench.secret).digest()
        oracle = Oracle(
            bench.zygote, CpuBackend(), bench.problem, bench.policy.precision, 0, secret
        )
        with contextlib.closing(oracle):
            return _compile(bench, oracle, patience_s)
    except WorkerDied as death:
        return Compilation(unavailable=f"the worker that compiles {death.how}")
    except (WorkerRaised, CannotJudge) as error:
        return Compilation(unavailable=f"nothing could be compiled: {error}")


def _compile(bench: Bench, oracle: Oracle, patience_s: float) -> Compilation:
    raws = oracle.inputs_for(Inputs(draw=0))
    message, descriptors = load_message(bench, oracle, Role.SUBMISSION)
    size = max((tensor.place.stop for tensor in oracle.inputs), default=0)
    start = time.monotonic()
    with _block(size) as block:
        for tensor, raw in zip(oracle.inputs, raws, strict=True):
            block.bytes[tensor.place] = raw
        message |= {
            "do": "compile",
            "spec": oracle.spec,
            "layouts": as_layouts(oracle.inputs),
            "bytes": block.size_bytes,
            "seconds": patience_s * _IR_SHARE,
        }
        worker = bench.zygote.spawn()
        try:
            answer = worker.ask(message, patience_s, [*descriptors, block.descriptor])
            _assemble(worker, answer, patience_s - (time.monotonic() - start))
        finally:
            worker.end()
    given = tuple(tensor.dtype for tensor in oracle.inputs)
    weights = tuple(str(layout["dtype"]) for layout in oracle.weights.values())
    return as_compilation(answer, given, weights)


def _assemble(worker: Worker, answer: dict[str, Any], left_s: float) -> None:
    """Add machine code to the worker's records; what was answered so far stays if it fails."""
    records = _list(answer.get("kernels"))
    if left_s < 1 or not any(_is_triton(record) for record in records):
        return
    seconds = min(_MACHINE_CODE_S, left_s / 2)
    try:
        more = worker.ask({"do": "assemble", "seconds": seconds}, left_s)
    except (WorkerDied, WorkerRaised) as error:
        answer["failures"] = [*_list(answer.get("failures")), f"no machine code: {error}"]
        return
    for made in _list(more.get("machine")):
        index = _number(made.get("index")) if isinstance(made, dict) else None
        if index is not None and index < len(records) and _is_triton(records[index]):
            records[index]["machine"] = made.get("machine")
            records[index]["shared_bytes"] = made.get("shared_bytes")
    answer["failures"] = [*_list(answer.get("failures")), *_list(more.get("failures"))]


def _is_triton(record: Any) -> bool:
    return isinstance(record, dict) and record.get("language") == "triton"


@contextlib.contextmanager
def _block(size_bytes: int) -> Iterator[Any]:
    block = CpuBackend().block(size_bytes)
    try:
        yield block
    finally:
        block.close()


def as_compilation(
    answer: Any, inputs: tuple[str, ...] = (), weights: tuple[str, ...] = ()
) -> Compilation:
    """What the worker answered, as facts. Records that make no sense are left out."""
    records = [record for record in _list(answer.get("kernels")) if isinstance(record, dict)]
    kernels = [kernel for record in _readable(records) for kernel in _kernels(record)]
    failures = tuple(str(reason)[:300] for reason in _list(answer.get("failures"))[:60])
    raised = str(answer.get("raised") or "")[:300]
    made = Compilation(
        kernels=tuple(kernels),
        inputs=inputs,
        weights=weights,
        outputs=tuple(str(dtype)[:20] for dtype in _list(answer.get("outputs"))[:64]),
        host_reads=_numbers(answer.get("host_reads")),
        failures=failures,
        incomplete=f"the call raised {raised}" if raised else "",
    )
    if kernels:
        return made
    reasons = [made.incomplete, *failures, "it launched no kernel and compiled no CUDA text"]
    return Compilation(unavailable=next(filter(None, reasons)), failures=failures)


def _readable(records: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """As many as can be read in a few seconds; no submission has more."""
    size = 0
    for record in records[:_MAX_KERNELS]:
        size += len(_text(record.get("ir")))
        size += len(_text(record.get("machine"))) // 8  # read in full only where the IR is not
        if size > _MAX_TEXTS:
            return
        yield record


def _kernels(record: dict[str, Any]) -> Iterator[CompiledKernel]:
    machine = _text(record.get("machine"))
    target = _text(record.get("target"))[:20]
    if record.get("language") == "triton":
        yield _triton(record, _text(record.get("ir")), machine, target)
        return
    for entry in machine_code.read_ptx(machine)[:64]:
        yield CompiledKernel(
            entry.name, "cuda", target,
            stores=entry.stores, loads=entry.loads, mma=tuple(entry.mma),
            narrow_operations=entry.narrowings,
            shared_bytes=entry.shared_bytes, digest=_digest(machine),
        )  # fmt: skip


def _triton(record: dict[str, Any], ir: str, machine: str, target: str) -> CompiledKernel:
    facts = ttir.read(ir)
    hidden = facts.has_assembly or not facts.understood
    narrowings = (
        0
        if target.startswith("gfx") or not facts.has_assembly
        else sum(entry.narrowings for entry in machine_code.read_ptx(machine))
    )
    return CompiledKernel(
        name=_text(record.get("name"))[:100],
        language="triton",
        target=target,
        pointers=tuple(_pointers(record, facts)),
        stores=facts.stores + hidden,
        loads=facts.loads + hidden,
        mma=facts.mma + (_multiplied(machine, target) if hidden else ()),
        narrow_operations=facts.narrow_operations + narrowings,
        round_trips=facts.round_trips,
        splits=facts.splits,
        shared_bytes=_number(record.get("shared_bytes")),
        programs=_number(record.get("programs")),
        digest=_digest(ir + machine),
    )


def _multiplied(machine: str, target: str) -> tuple[Mma, ...]:
    if target.startswith("gfx"):
        return tuple(machine_code.read_amdgcn(machine).mma)
    return tuple(mma for entry in machine_code.read_ptx(machine) for mma in entry.mma)


def _pointers(record: dict[str, Any], facts: ttir.Facts) -> Iterator[Pointer]:
    """The IR's parameters beside the launch's arguments: by name, else by place, else in doubt."""
    told = [each for each in _list(record.get("parameters"))[:256] if isinstance(each, dict)]
    elements = dict(ttir.pointer_elements(facts.parameters))
    names = [_text(each.get("name"))[:100] for each in told]
    by_place = len(told) == len(facts.parameters)
    in_ir = [name for name, _ in facts.parameters] if by_place else names
    for each, name, own in zip(told, names, in_ir, strict=True):
        inputs = _numbers(each.get("inputs"))
        kind = _text(each.get("type"))
        if own in elements:
            loaded, stored = own in facts.loaded, own in facts.stored
            yield Pointer(name, elements[own][:20], loaded, stored, inputs)
        elif inputs or kind.startswith(("*", "tensordesc")):
            yield Pointer(name, kind.lstrip("*")[:20], True, True, inputs)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value[:_MAX_TEXT] if isinstance(value, str) else ""


def _number(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**63 else None


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(n for each in _list(value)[:64] if (n := _number(each)) is not None)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=16).hexdigest()
