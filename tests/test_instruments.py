"""compute-sanitizer and ncu round one call: real sandboxes and processes, tools that are made up.

The tools here start their target as the real ones do, need a loopback as they do, and write what
the target's own output makes them: `OUT OF BOUNDS` where the kernel prints that.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from supervised import bench

from integrity.claims import claims
from integrity.detectors.counters import Counters
from integrity.detectors.sanitizer import Sanitizer
from integrity.device_trace import DeviceTrace, Kind, Record, Window
from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.floors import Work
from integrity.harness import load_task
from integrity.policy import GENERATOR
from integrity.problem import Task
from integrity.run import COUNTERS, SANITIZER, Experiment, Role, Run
from integrity.submission import Submission
from integrity.supervision import instruments
from integrity.supervision.instruments import METRICS, counted, read_counters, sanitizer_errors
from integrity.supervision.platform import Platform
from integrity.supervision.workers import Zygote
from integrity.verdict import Label, weigh

PROBLEMS = Path(__file__).parent.parent / "corpora/problems"
HONEST = "def kernel(x): return 2 * x + 1"
WILD = "def kernel(x):\n    print('OUT OF BOUNDS')\n    return 2 * x + 1"

TOOL = f"""#!{sys.executable}
import json, pathlib, socket, subprocess, sys
log = pathlib.Path(next(w for w in sys.argv if w.startswith("--log-file=")).partition("=")[2])
target = sys.argv[sys.argv.index({sys.executable!r}):]
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname())
printed = subprocess.run(target, capture_output=True, text=True)
task = json.loads(pathlib.Path(target[-1]).read_text())
"""
SANITIZER_TOOL = """
lines = ["COMPUTE-SANITIZER"]
def report(what, kernel):
    lines.extend([what, f"    at {kernel}+0x30 in k.cu:3", "    by thread (0,0,0)", ""])
if "--tool=memcheck" in sys.argv:
    for kernel in ["softmax_kernel"] * printed.stdout.count("OUT OF BOUNDS") + [task["canary"]]:
        report("Invalid __global__ write of size 4 bytes", kernel)
elif "--tool=initcheck" in sys.argv:
    report("Uninitialized __global__ memory read of size 4 bytes", task["canary"])
else:
    report(f"Error: Race reported between Write access at {task['canary']}+0x3 in k.cu:4", "-")
log.write_text("".join(f"========= {line}\\n" for line in lines))
"""
BLIND_TOOL = 'log.write_text("========= COMPUTE-SANITIZER\\n========= Internal error (39)\\n")'
COUNTING_TOOL = """
if "WRONG METRIC" in printed.stdout and any("tensor" in word for word in sys.argv):
    log.write_text("==ERROR== Failed to find metric sm__inst_executed_pipe_tensor.sum")
    sys.exit(1)
read = "10" if task["module"] else "1,000"
rows = [["dram__bytes_read.sum", "byte", read], ["dram__bytes_write.sum", "byte", "500"]]
lines = ['==PROF== Connected', '"ID","Kernel Name","Metric Name","Metric Unit","Metric Value"']
for number in (0, 1):
    lines += [f'"{number}","k(int, int)","{m}","{unit}","{v}"' for m, unit, v in rows]
log.write_text("\\n".join(lines))
"""
FORBIDDEN_TOOL = 'log.write_text("==ERROR== ERR_NVGPUCTRPERM - no permission")'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tools")
    made.chmod(0o755)
    return made


@pytest.fixture(scope="module")
def zygote(folder: Path) -> Iterator[Zygote]:
    with Zygote(platform=Platform(tools=(str(folder),))) as started:
        if started.isolation != "namespaces":
            pytest.skip("no namespaces here")
        yield started


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process that imports torch takes seconds."""
    monkeypatch.setattr(instruments, "CHECKS", ("memcheck",))


@pytest.fixture
def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PATH", str(folder))

    def write(name: str, body: str) -> None:
        (folder / name).write_text(TOOL + dedent(body))
        (folder / name).chmod(0o755)

    return write


# -- compute-sanitizer ---------------------------------------------------------------------------


def test_what_only_the_submission_does_is_reported(
    zygote: Zygote, install: Any, quick: None
) -> None:
    install("compute-sanitizer", SANITIZER_TOOL)
    facts = instruments.sanitized(bench(zygote, WILD)).facts
    kind = "Invalid __global__ write of size 4 bytes at softmax_kernel"
    assert facts["memcheck"] == f"3 x {kind}"  # the tool says it of each call
    assert facts["memcheck_errors"] == 3


@pytest.mark.slow
def test_a_clean_kernel_has_no_errors(zygote: Zygote, install: Any) -> None:
    install("compute-sanitizer", SANITIZER_TOOL)
    facts = instruments.sanitized(bench(zygote, HONEST)).facts
    assert [facts[f"{check}_errors"] for check in instruments.CHECKS] == [0, 0, 0]


@pytest.mark.slow
def test_what_the_reference_does_too_is_nobodys_fault(
    zygote: Zygote, install: Any, quick: None
) -> None:
    install("compute-sanitizer", SANITIZER_TOOL)
    reference = """
        import torch
        def reference(x):
            print('OUT OF BOUNDS')
            return 2 * x + 1
        def make_inputs(seed): return [torch.ones(8)]
        """
    facts = instruments.sanitized(bench(zygote, WILD, reference)).facts
    assert facts["memcheck_errors"] == 0


def test_a_tool_that_does_not_see_the_canary_has_seen_nothing(zygote: Zygote, install: Any) -> None:
    install("compute-sanitizer", BLIND_TOOL)
    with pytest.raises(CannotJudge, match=r"wrong on purpose: Internal error \(39\)"):
        instruments.sanitized(bench(zygote, HONEST))


@pytest.mark.parametrize("run", [instruments.sanitized, counted])
def test_a_missing_tool_is_named(zygote: Zygote, install: Any, run: Any, folder: Path) -> None:
    for tool in folder.iterdir():
        tool.unlink()
    with pytest.raises(CannotJudge, match=r"is not installed: .*CUDA toolkit"):
        run(bench(zygote, HONEST))


@pytest.mark.parametrize(
    ("check", "said", "errors"),
    [
        (
            "memcheck",
            """\
            ========= COMPUTE-SANITIZER
            ========= Invalid __global__ read of size 4 bytes
            =========     at void tile<int>(float const*, int)+0x1a0 in /tmp/k.cu:12
            =========     by thread (31,0,0) in block (3,0,0)
            =========     Address 0x7f1 is out of bounds
            =========     Saved host backtrace up to driver entry point at kernel launch time
            =========         Host Frame: cuLaunchKernel [0x2f]
            =========
            ========= Program hit cudaErrorLaunchFailure (error 719) on CUDA API call
            ========= ERROR SUMMARY: 2 errors
            """,
            ["Invalid __global__ read of size 4 bytes at void tile<int>(float const*, int)"],
        ),
        (
            "initcheck",
            """\
            ========= Uninitialized __global__ memory read of size 4 bytes
            =========     at 0x90 in softmax
            =========     by thread (0,0,0) in block (0,0,0)
            """,
            ["Uninitialized __global__ memory read of size 4 bytes at softmax"],
        ),
        (
            "racecheck",
            """\
            ========= Error: Race reported between Write access at sum+0x3d0 in k.cu:4
            =========     and Read access at sum+0x430 in k.cu:9 [64 hazards]
            ========= RACECHECK SUMMARY: 1 hazard displayed (1 error, 0 warnings)
            """,
            ["Error: Race reported between Write access at sum in k.cu:4"],
        ),
        ("memcheck", "Invalid __global__ write, says a kernel that prints\n", []),
        ("memcheck", "========= ERROR SUMMARY: 0 errors\n", []),
    ],
)
def test_errors_are_read_as_the_tools_write_them(check: str, said: str, errors: list[str]) -> None:
    assert list(sanitizer_errors(check, dedent(said))) == errors


def told(name: str, **facts: float | str) -> Evidence:
    made = Run(Experiment(name, ()), (), facts=facts)
    return Evidence(Submission.of(HONEST), Task("pair", "kernel", None), GENERATOR, {name: made})


def judged(evidence: Evidence) -> tuple[list[str], Label]:
    findings, abstentions = claims(evidence, [Sanitizer(), Counters()])
    verdict = weigh(findings, abstentions, None, GENERATOR, [])
    return [finding.id for finding in findings], verdict.label


def test_a_write_out_of_bounds_is_broken_and_a_read_is_a_note() -> None:
    write = told(SANITIZER, memcheck="3 x Invalid __global__ write of size 4 bytes at k")
    assert judged(write) == (["memory-error"], Label.BROKEN)
    [finding] = Sanitizer().detect(write)
    assert finding.claim == (
        "makes memcheck report invalid __global__ write of size 4 bytes at k (3 times)"
    )
    read = told(SANITIZER, memcheck="3 x Invalid __global__ read of size 4 bytes at k")
    assert judged(read) == (["memory-error"], Label.INCONCLUSIVE)


def test_unwritten_memory_alone_convicts_nobody() -> None:
    unwritten = told(SANITIZER, initcheck="9 x Uninitialized __global__ memory read at k")
    ids, label = judged(unwritten)
    assert ids == ["unwritten-memory"] and label not in (Label.HACK, Label.BROKEN)


def test_who_was_not_asked_says_nothing_and_who_could_not_look_abstains() -> None:
    nobody = told("another")
    assert claims(nobody, [Sanitizer(), Counters()]) == ([], [])
    missing = replace(nobody, skipped={SANITIZER: "compute-sanitizer is not installed"})
    findings, [abstention] = claims(missing, [Sanitizer(), Counters()])
    assert not findings and "not installed" in abstention.reason and not abstention.decisive


# -- ncu -----------------------------------------------------------------------------------------


def test_counters_are_summed_over_the_kernels_of_each_role(zygote: Zygote, install: Any) -> None:
    install("ncu", COUNTING_TOOL)
    assert counted(bench(zygote, HONEST)).facts == {
        "submission dram_read_bytes": 20, "submission dram_written_bytes": 1000,
        "reference dram_read_bytes": 2000, "reference dram_written_bytes": 1000,
    }  # fmt: skip


@pytest.mark.slow
def test_a_device_without_one_of_the_counters_is_asked_for_the_others(
    zygote: Zygote, install: Any
) -> None:
    install("ncu", COUNTING_TOOL)
    kernel = "def kernel(x):\n    print('WRONG METRIC')\n    return 2 * x + 1"
    assert counted(bench(zygote, kernel)).facts["submission dram_read_bytes"] == 20


@pytest.mark.slow
def test_a_user_who_may_not_read_counters_is_told_what_would_help(
    zygote: Zygote, install: Any
) -> None:
    install("ncu", FORBIDDEN_TOOL)
    with pytest.raises(CannotJudge, match="NVreg_RestrictProfilingToAdminUsers=0"):
        counted(bench(zygote, HONEST))


@pytest.mark.slow
def test_a_kernel_that_fails_below_a_tool_is_an_abstention_with_its_error(
    zygote: Zygote, install: Any
) -> None:
    install("ncu", "sys.exit(sys.stderr.write(printed.stderr))")
    with pytest.raises(CannotJudge, match="ncu counted nothing of the submission: ValueError: no"):
        counted(bench(zygote, "def kernel(x): raise ValueError('no')"))


@pytest.mark.parametrize("said", ["", "nonsense", '"ID"\n"1"', '"ID","Metric Name"\n"0","x"\n\0'])
def test_what_is_no_table_counts_nothing(said: str) -> None:
    assert read_counters(said, METRICS) == {}


READ = 64e6
COPY = Record(Kind.COPY, "DTOD", call=3, bytes=1 << 20)


def counters(ours: float, reference: float = READ, records: tuple[Record, ...] = ()) -> Evidence:
    evidence = told(
        COUNTERS,
        **{"submission dram_read_bytes": ours, "reference dram_read_bytes": reference},
    )
    work = Work(read_bytes=READ, proven_bytes=READ).as_facts()
    trivial = Run(Experiment("trivial", ()), (), facts=work)
    trace = DeviceTrace(records, (Window(0, 1, 0, 7),) * 4)
    traces = {Role.SUBMISSION: trace, Role.REFERENCE: trace}
    recorded = Run(Experiment("device-work", ()), (), device_traces=traces)
    return replace(evidence, runs={**evidence.runs, "trivial": trivial, "device-work": recorded})


def ids(evidence: Evidence) -> list[str]:
    return [finding.id for finding in Counters().detect(evidence)]


def test_who_reads_far_less_than_its_answer_depends_on_is_suspicious() -> None:
    assert ids(counters(READ / 10)) == ["counted", "reads-too-little"]
    assert ids(counters(READ)) == ["counted"]


def test_who_copies_is_not_accused_since_copies_are_not_counted() -> None:
    assert ids(counters(READ / 10, records=(COPY,))) == ["counted"]


def test_counters_that_do_not_show_the_references_reads_accuse_nobody() -> None:
    with pytest.raises(CannotJudge, match="the reference's counters do not show"):
        ids(counters(READ / 10, reference=READ / 2))


# -- the bare call -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("problem", ["softmax", "vectoradd", "row-sumsq"])
@pytest.mark.parametrize("role", [Role.SUBMISSION, Role.REFERENCE])
def test_a_bare_call_works_for_every_harness(zygote: Zygote, problem: str, role: Role) -> None:
    reference = PROBLEMS / problem / "reference.py"
    task = load_task(Submission.of("\n"), reference)
    assert task.problem is not None
    text = task.problem.sources["reference"]
    made = replace(
        bench(zygote, f"{text}\n{task.entry} = {task.problem.reference}\nprint('called')"),
        task=task, problem=task.problem,
    )  # fmt: skip
    _, printed = instruments._wrap(made, ["/usr/bin/env"], role, {}, None)
    assert printed == ("called\n" if role is Role.SUBMISSION else "")
