"""Runs a kernel once more below compute-sanitizer or ncu, and reads what they say.

Both watch a whole process, so that a fresh one is started inside a worker's sandbox
(`worker.wrapped`). What they say comes out of the submission's own sandbox: it may speak against
it, and never for it. Whether they saw anything is known from a canary, or from the reference.
"""

import csv
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import integrity
from integrity.errors import CannotJudge
from integrity.run import COUNTERS, SANITIZER, Experiment, Role, Run
from integrity.supervision.bench import SUBMITTED, Bench
from integrity.supervision.cuda.platform import instrument
from integrity.supervision.endings import WorkerDied, WorkerRaised
from integrity.supervision.oracle import seed_of

CHECKS = ("memcheck", "initcheck", "racecheck")
METRICS = {
    "dram_read_bytes": "dram__bytes_read.sum",
    "dram_written_bytes": "dram__bytes_write.sum",
    "l2_bytes": "lts__t_bytes.sum",
    "instructions": "smsp__inst_executed.sum",
    "tensor_instructions": "sm__inst_executed_pipe_tensor.sum",
}
"""What is counted, and what ncu calls it. The last is not there on every device."""

_OPTIONAL = {"tensor_instructions"}
_PATIENCE_S = 120.0
_NEEDED = (
    "__init__.py", "problem.py", "worker/__init__.py", "worker/bare.py", "worker/counting.py",
    "worker/loading.py", "worker/oracle.py", "worker/tensors.py", "worker/work.py",
)  # fmt: skip
"""All that `worker.bare` imports: the rest of this package can't be read in a sandbox."""

_ERROR = {
    "memcheck": r"(?:Invalid|Misaligned) .+",
    "initcheck": r"Uninitialized .+",
    "racecheck": r".*[Rr]ace reported between .+",
}
_PLACE = re.compile(r"\bat (?:0x[0-9a-f]+ in )?(.+?)(?:\+0x[0-9a-f]+| in |$)")
_MOST_KINDS, _LONGEST = 6, 160

_HEAD = ".version 7.0\n.target sm_75\n.address_size 64\n"
_BODIES = {
    "memcheck": "add.s64 %a, %a, 64; st.global.u32 [%a], %v;",  # eight bytes are its own
    "initcheck": "ld.global.u32 %v, [%a]; st.global.u32 [%a+4], %v;",
    "racecheck": "st.shared.u32 [shared], %v; ld.shared.u32 %v, [shared]; st.global.u32 [%a], %v;",
}


def sanitized(bench: Bench) -> Run:
    """What memcheck, initcheck and racecheck say of the submission, as a run without calls.

    Where one accuses it, the reference is asked too: `memcheck` holds what only the submission has,
    a line for each kind with its number, and `memcheck_errors` how many these are together.

    Raises:
        CannotJudge: there is no compute-sanitizer, or it saw nothing.
    """
    tool = found(
        "compute-sanitizer", "`pip install nvidia-cuda-sanitizer-api`, or the CUDA toolkit"
    )
    facts: dict[str, float | str] = {}
    for check in CHECKS:
        ours = _errors(bench, tool, check, Role.SUBMISSION)
        if ours:
            for shared in _errors(bench, tool, check, Role.REFERENCE):
                del ours[shared]
        facts[check] = "\n".join(f"{n} x {kind}" for kind, n in ours.most_common(_MOST_KINDS))
        facts[f"{check}_errors"] = float(sum(ours.values()))
    return Run(Experiment(SANITIZER, ()), (), facts=facts)


def counted(bench: Bench) -> Run:
    """The counters of one cold call of each role, as a run without calls: see `METRICS`.

    Raises:
        CannotJudge: there is no ncu, or this user may not read counters.
    """
    tool = found("ncu", "it comes with the CUDA toolkit, as Nsight Compute")
    facts = {}
    for role in (Role.SUBMISSION, Role.REFERENCE):
        for name, value in _counters(bench, tool, role).items():
            facts[f"{role} {name}"] = value
    return Run(Experiment(COUNTERS, ()), (), facts=facts)


def found(name: str, advice: str) -> str:
    """Where that tool is.

    Raises:
        CannotJudge: nowhere.
    """
    path = instrument(name)
    if path is None:
        raise CannotJudge(f"{name} is not installed: {advice}")
    return path


# -- compute-sanitizer -------------------------------------------------------------------------


def _errors(bench: Bench, tool: str, check: str, role: Role) -> Counter[str]:
    """How often it says what, but for the canary."""
    canary = f"canary_{os.urandom(6).hex()}"
    command = [tool, f"--tool={check}", "--target-processes=all", "--log-file={log}"]
    # Else torch cuts tensors from one large piece, in which nothing is out of bounds.
    environment = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
    said, printed = _wrap(bench, command, role, environment, (canary, _canary(check, canary)))
    errors = Counter(sanitizer_errors(check, said))
    seen = [error for error in errors if canary in error]
    if not errors:  # an error may end the process before it comes to the canary
        why = _last_line(said) or _last_line(printed) or "it said nothing"
        raise CannotJudge(f"{check} does not report a kernel that is wrong on purpose: {why}")
    for error in seen:
        del errors[error]
    return errors


def _canary(check: str, name: str) -> str:
    """A kernel that does one thing wrong, as PTX."""
    return (
        f"{_HEAD}.visible .entry {name}(.param .u64 p) {{\n"
        ".reg .b64 %a; .reg .b32 %v;\n.shared .align 4 .b32 shared;\n"
        "ld.param.u64 %a, [p]; cvta.to.global.u64 %a, %a; mov.u32 %v, %tid.x;\n"
        f"{_BODIES[check]}\nret;\n}}\n"
    )


def sanitizer_errors(check: str, said: str) -> Iterator[str]:
    """What it says, once for each time: `Invalid __global__ write of size 4 bytes at kernel`."""
    kind = ""
    for line in said.splitlines():
        text = line.removeprefix("=========").rstrip()
        if text == line.rstrip():
            continue
        if re.fullmatch(f" (?:Error: |Warning: )?{_ERROR[check]}", text):
            if kind:
                yield kind[:_LONGEST]
            kind = text.strip()
            if check == "racecheck":
                yield _without_places(kind)[:_LONGEST]
                kind = ""
        elif kind and (place := _PLACE.match(text.strip())):
            yield f"{kind} at {place[1]}"[:_LONGEST]
            kind = ""
    if kind:
        yield kind[:_LONGEST]


def _without_places(text: str) -> str:
    return re.sub(r"\+0x[0-9a-f]+", "", text)


# -- ncu ---------------------------------------------------------------------------------------


def _counters(bench: Bench, tool: str, role: Role) -> Mapping[str, float]:
    wanted = dict(METRICS)
    said = _counted(bench, tool, role, wanted)
    if "ailed to find metric" in said:
        wanted = {name: metric for name, metric in METRICS.items() if name not in _OPTIONAL}
        said = _counted(bench, tool, role, wanted)
    if "ERR_NVGPUCTRPERM" in said:
        raise CannotJudge(
            "this user may not read a GPU's counters: its administrator has to load the driver "
            "with NVreg_RestrictProfilingToAdminUsers=0"
        )
    counters = read_counters(said, wanted)
    if not counters:
        raise CannotJudge(f"ncu counted nothing of the {role}: {_last_line(said)}")
    return counters


def _counted(bench: Bench, tool: str, role: Role, wanted: Mapping[str, str]) -> str:
    command = [
        tool, "--csv", "--print-units=base", f"--metrics={','.join(wanted.values())}",
        "--profile-from-start=off", "--clock-control=none", "--target-processes=all",
        "--log-file={log}",
    ]  # fmt: skip
    said, printed = _wrap(bench, command, role, {}, None)
    return said or printed


def read_counters(said: str, wanted: Mapping[str, str]) -> dict[str, float]:
    """Sums over all kernels of what ncu wrote as CSV; empty where that is no table."""
    lines = said.splitlines()
    start = next((n for n, line in enumerate(lines) if line.startswith('"ID"')), len(lines))
    names = {metric: name for name, metric in wanted.items()}
    sums: dict[str, float] = {}
    for row in csv.DictReader(lines[start:]):
        name = names.get(row.get("Metric Name") or "")
        number = (row.get("Metric Value") or "").replace(",", "")
        if name and re.fullmatch(r"\d+(\.\d+)?", number):
            sums[name] = sums.get(name, 0.0) + float(number)
    return sums


# -- both --------------------------------------------------------------------------------------


def _wrap(
    bench: Bench,
    tool: Sequence[str],
    role: Role,
    environment: Mapping[str, str],
    canary: tuple[str, str] | None,
) -> tuple[str, str]:
    """The tool's log, and what else it or its target printed."""
    problem, task = bench.problem, _task(bench, role, canary)
    message = {
        "do": "wrapped",
        "tool": list(tool),
        "environment": dict(environment),
        "files": _own_files(),
        "modules": {**problem.sources, **({SUBMITTED: bench.submission.text} if task["module"]
                                          else {})},
        "task": task,
    }  # fmt: skip
    try:
        worker = bench.zygote.spawn(loopback=True)
    except WorkerDied as death:
        raise CannotJudge(f"a worker {death.how}") from death
    try:
        answer = worker.ask(message, min(_PATIENCE_S, bench.deadline.left()))
    except (WorkerDied, WorkerRaised) as error:
        how = error.how if isinstance(error, WorkerDied) else f"raised {error}"
        raise CannotJudge(f"below {Path(tool[0]).name} the {role}'s worker {how}") from error
    finally:
        worker.end()
    return str(answer.get("said") or ""), str(answer.get("printed") or "")


def _task(bench: Bench, role: Role, canary: tuple[str, str] | None) -> dict[str, Any]:
    """What `worker.bare` is told. Its draws are used for nothing else: it may know their seeds."""
    problem = bench.problem
    secret = hashlib.blake2b(b"instruments", key=bench.secret).digest()
    name, body = canary or ("", "")
    return {
        "device": bench.zygote.device,
        "names": {
            "reference": problem.reference,
            "make_inputs": problem.make_inputs,
            "make_init_inputs": problem.make_init_inputs,
        },
        "convention": problem.convention,
        "workload": dict(problem.workloads[0]),
        "init_seed": seed_of(secret, "init"),
        "draw_seed": seed_of(secret, "draw"),
        "module": SUBMITTED if role is Role.SUBMISSION else "",
        "entry": bench.task.entry,
        "canary": name,
        "canary_body": body,
    }


def _own_files() -> dict[str, str]:
    folder = Path(integrity.__file__).parent
    return {f"integrity/{name}": (folder / name).read_text() for name in _NEEDED}


def _last_line(text: str) -> str:
    lines = [line.strip("= ") for line in text.splitlines() if line.strip("= ")]
    return lines[-1][:200] if lines else ""
