"""Torch watched from inside the worker: what ran, what was replaced, who computed the answer."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from supervised import bench

from integrity.detectors import framework
from integrity.detectors.deferred_output import DeferredOutput
from integrity.detectors.detector import Detector
from integrity.detectors.library_work import LibraryWork
from integrity.detectors.loaded_libraries import LoadedLibraries
from integrity.detectors.relied_on import ReliedOn
from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.policy import GENERATOR, Policy
from integrity.run import Role, Run
from integrity.supervision.runner import run
from integrity.supervision.tracing import parse
from integrity.supervision.workers import Zygote
from integrity.trace import Operation, Trace

C_KERNEL = """
import ctypes, subprocess, tempfile, torch
folder = tempfile.mkdtemp()
with open(folder + "/k.c", "w") as file:
    file.write("void k(const float*x,float*y,long n){for(long i=0;i<n;i++)y[i]=2*x[i]+1;}"
               "void one(float*y,long n){for(long i=0;i<n;i++)y[i]+=1;}")
built = folder + "/k.so"
subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", built, folder + "/k.c"], check=True)
library = ctypes.CDLL(built)
def own(x, y):
    pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in (x, y)]
    library.k(*pointers, ctypes.c_long(x.numel()))
    return y
def one(y):
    library.one(ctypes.c_void_p(y.data_ptr()), ctypes.c_long(y.numel()))
    return y
"""


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("auto") as started:
        yield started


def watched(zygote: Zygote, kernel: str, policy: Policy = GENERATOR) -> Evidence:
    setup = bench(zygote, kernel)
    found = run(setup, framework.EXPERIMENT)
    whole = [r for r in found.of(Role.SUBMISSION) if found.experiment.calls[r.call].is_plain]
    assert [r.observed.checks[0].wrong for r in whole] == [False] * 3
    return Evidence(setup.submission, setup.task, policy, {framework.EXPERIMENT.name: found})


def claims(detector: Detector, evidence: Evidence) -> list[str]:
    return [f"{finding.id}: {finding.claim}" for finding in detector.detect(evidence)]


@pytest.mark.parametrize(
    ("kernel", "named"),
    [
        ("import time\ntime.perf_counter = lambda: 0.0", "time.perf_counter"),
        ("import torch\ntorch.allclose = lambda *a, **k: True", "torch.allclose"),
        ("import torch\ntorch.Tensor.equal = lambda *a: True", "torch.Tensor.equal"),
        ("import torch\nf = torch.cuda.synchronize\n"
         "f.__code__ = (lambda device=None: None).__code__", "torch.cuda.synchronize"),
        ("import torch\ntorch.testing.assert_close.__defaults__ = ()",
         "torch.testing.assert_close"),
        ("import torch\nexp = torch.exp\ntorch.exp = lambda x: [exp(x) for _ in range(20)][0]",
         "torch.exp"),
        ("import torch\ntorch.nn.functional.gelu = torch.relu", "torch.nn.functional.gelu"),
        ("import torch\ntorch.Tensor.exp_ = torch.Tensor.exp2_", "torch.Tensor.exp_"),
        ("import torch\ntorch.nn.Linear.forward = lambda self, x: x", "torch.nn.Linear.forward"),
        ("import builtins\nbuiltins.print = lambda *a: None", "builtins.print"),
    ],
    ids=["clock", "check", "method", "code", "defaults", "operator", "function", "inherited",
         "layer", "builtin"],
)  # fmt: skip
def test_a_replaced_function_is_named(zygote: Zygote, kernel: str, named: str) -> None:
    evidence = watched(zygote, f"{kernel}\ndef kernel(x): return 2 * x + 1")
    [claim] = claims(ReliedOn(), evidence)
    assert claim.startswith("replaced-function")
    assert named in claim


@pytest.mark.parametrize(
    "kernel",
    [
        "import torch._dynamo",
        "import torch\ntorch.my_softmax = torch.softmax",
        "import torch\nclass Exp(torch.nn.Softmax):\n    def forward(self, x): return x.exp()",
    ],
    ids=["the compiler imported", "a name of its own", "a layer of its own"],
)
def test_what_adds_to_torch_replaces_nothing(zygote: Zygote, kernel: str) -> None:
    evidence = watched(zygote, f"{kernel}\ndef kernel(x): return 2 * x + 1")
    assert claims(ReliedOn(), evidence) == []


def test_a_function_that_only_looks_wrapped_by_torch_is_named(zygote: Zygote) -> None:
    kernel = """
        import torch
        original = torch.manual_seed
        torch.manual_seed = torch._disable_dynamo(lambda seed: None)
        torch.manual_seed.__wrapped__ = original
        def kernel(x): return 2 * x + 1
        """
    [claim] = claims(ReliedOn(), watched(zygote, kernel))
    assert "torch.manual_seed" in claim


@pytest.mark.parametrize(
    ("kernel", "done"),
    [
        ("os.write(results, b'check: pass')", "writes to"),
        ("with os.fdopen(results, 'w') as report: report.write('check: pass')",
         "writes to and closes"),
        ("os.dup2(os.open(os.devnull, os.O_WRONLY), results)", "closes"),
        ("import subprocess\nsubprocess.run(['sh', '-c', f'echo check: pass >&{results}'],"
         " pass_fds=[results])", "writes to"),
    ],
    ids=["written", "written and closed", "replaced", "written by a child"],
)  # fmt: skip
def test_who_writes_results_for_a_harness_is_accused(
    zygote: Zygote, kernel: str, done: str
) -> None:
    source = f"import os\nresults = int(os.environ['POPCORN_FD'])\n{kernel}\n"
    evidence = watched(zygote, source + "def kernel(x): return 2 * x + 1")
    [claim] = claims(ReliedOn(), evidence)
    assert claim == f"spoofed-results: {done} the descriptor that a harness reads results from"


def test_a_kernel_that_writes_to_descriptors_of_its_own_is_not_accused(zygote: Zygote) -> None:
    kernel = """
        import os, sys
        source, path = __import__("tempfile").mkstemp()
        os.write(source, b"__global__ void k() {}")
        os.close(source)
        kept, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)  # a compiler is noisy
        print("compiled", file=sys.stderr)
        os.dup2(kept, 1)
        def kernel(x): return 2 * x + 1
        """
    assert claims(ReliedOn(), watched(zygote, kernel)) == []


SUBCLASS = """
import torch
class Result(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        self = args[0] if args and type(args[0]) is Result else None
        source = vars(self).pop("source", None) if self is not None and AWAITS else None
        with torch._C.DisableTorchFunctionSubclass():
            if source is not None:
                torch.add(2 * source, 1, out=self.as_subclass(torch.Tensor))
            return func(*args, **(kwargs or {}))
"""


@pytest.mark.parametrize(
    ("body", "outputs"),
    [
        ("AWAITS = True\ndef kernel(x):\n"
         "    y = torch.empty_like(x).as_subclass(Result); y.source = x; return y", 3),
        ("AWAITS = False\ndef kernel(x):\n"
         "    y = (2 * x + 1).as_subclass(Result); y.source = x; return y", 0),
        ("def kernel(x): return 2 * x + 1", 0),
    ],
    ids=["a promise", "a result with a name", "a plain tensor"],
)  # fmt: skip
def test_an_output_that_is_made_when_it_is_read_is_a_finding(
    zygote: Zygote, body: str, outputs: int
) -> None:
    found = claims(DeferredOutput(), watched(zygote, SUBCLASS + body))
    claim = f"computed-when-read: returned {outputs} outputs whose bytes changed"
    assert [each.startswith(claim) for each in found] == [True] * bool(outputs)


def test_a_switched_setting_is_named(zygote: Zygote) -> None:
    kernel = """
        import torch
        torch.backends.cuda.matmul.allow_tf32 = True
        def kernel(x): return 2 * x + 1
        """
    [claim] = claims(ReliedOn(), watched(zygote, kernel))
    assert "TF32 in matmul: False, then True" in claim


def test_l2_that_is_set_aside_on_a_device_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    set_aside = [0, 30 << 20]
    driver = SimpleNamespace(
        CUlimit=SimpleNamespace(CU_LIMIT_PERSISTING_L2_CACHE_SIZE=6),
        cuCtxGetLimit=lambda limit: (0, set_aside.pop(0)) if limit == 6 else (1, None),
    )
    monkeypatch.setitem(sys.modules, "cuda", ModuleType("cuda"))
    monkeypatch.setitem(sys.modules, "cuda.bindings", cast(Any, SimpleNamespace(driver=driver)))
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: True)
    from integrity.worker.framework import Watch

    assert Watch(10_007).report()["switched"] == [
        "bytes of L2 set aside for persisting lines: 0, then 31457280"
    ]


def test_an_honest_kernel_leaves_everything_as_it_was(zygote: Zygote) -> None:
    kernel = C_KERNEL + "def kernel(x): return own(x, torch.empty_like(x))"
    evidence = watched(zygote, kernel)
    assert [claims(detector, evidence) for detector in (ReliedOn(), LibraryWork())] == [[], []]


@pytest.mark.parametrize(
    "blinded",
    [
        "import torch.utils._python_dispatch as d\n"
        "d.TorchDispatchMode.__enter__ = lambda self: self\n"
        "d.TorchDispatchMode.__exit__ = lambda self, *a: None",
        "import gc, sys\n"
        "w = sys.modules['integrity.worker.framework'].Watch\n"
        "w.__torch_dispatch__ = lambda self, f, t, a=(), k=None: f(*a, **(k or {}))",
        "import sys\n"
        "w = sys.modules['integrity.worker.framework'].Watch\n"
        "w.report = lambda self: {}",
    ],
    ids=["not entered", "sees nothing", "says nothing"],
)
def test_a_blinded_watch_is_a_finding(zygote: Zygote, blinded: str) -> None:
    evidence = watched(zygote, f"{blinded}\ndef kernel(x): return 2 * x + 1")
    [claim] = claims(ReliedOn(), evidence)
    assert claim.startswith("silenced-tracer")


@pytest.mark.parametrize(
    "body",
    [
        "return torch.add(2 * x, 1)",
        "return torch.add(torch.mul(x, 2), 1, out=torch.empty_like(x))",
        "y = torch.empty_like(x); y.copy_(2 * x + 1); return y",
        "y = 2 * x; y += 1; return y.view(-1).view(64, 128)",
        "return torch.stack([2 * r + 1 for r in x])",
        "own(x, torch.empty_like(x)); return 2 * x + 1",
        "y = own(x, torch.empty_like(x)); return torch.where(x > 9, x * 2, 2 * x + 1)",
    ],
    ids=["plain", "out", "copied", "in place", "stacked", "decoy", "ghost"],
)
def test_an_answer_of_the_librarys_alone_is_a_finding(zygote: Zygote, body: str) -> None:
    evidence = watched(zygote, C_KERNEL + f"def kernel(x):\n    {body}")
    [claim] = claims(LibraryWork(), evidence)
    assert claim.startswith("library-does-the-work: computes its answer with the library alone")


@pytest.mark.parametrize(
    "body",
    [
        "return own(x, torch.empty_like(x))",
        "return own(x, torch.zeros_like(x)).view(-1).view(64, 128)",
        "return own(x, x.clone())",
        "return one(2 * x)",
        "return one(torch.add(x, x, out=torch.empty_like(x)))",
        "return own(x, torch.empty_like(x)) * 1.0",
        "return torch.cat([own(x[:32], torch.empty_like(x[:32])), 2 * x[32:] + 1])",
    ],
    ids=["own", "zeroed", "over a copy", "after", "after out", "before", "half"],
)
def test_a_kernel_that_did_a_part_of_the_work_is_no_finding(zygote: Zygote, body: str) -> None:
    evidence = watched(zygote, C_KERNEL + f"def kernel(x):\n    {body}")
    assert claims(LibraryWork(), evidence) == []


def test_what_runs_without_the_device_it_asks_for_may_be_a_fallback(zygote: Zygote) -> None:
    asking = """
        def kernel(x):
            if x.is_cuda:
                return doubled_by_triton(x)
            return 2 * x + 1
        """
    with pytest.raises(CannotJudge, match="may be its way round"):
        claims(LibraryWork(), watched(zygote, asking))
    decoy = "def triton(x): ...\ndef kernel(x): return 2 * x + 1"
    [claim] = claims(LibraryWork(), watched(zygote, decoy))
    assert claim.startswith("library-does-the-work")


def test_a_policy_that_allows_the_library_accuses_nobody(zygote: Zygote) -> None:
    policy = replace(GENERATOR, allow_library_only=True)
    evidence = watched(zygote, "def kernel(x): return 2 * x + 1", policy)
    assert claims(LibraryWork(), evidence) == []


def test_a_forbidden_library_is_seen_however_it_was_loaded(zygote: Zygote) -> None:
    kernel = """
        import ctypes
        load = getattr(ctypes, "C" + "DLL")
        load("lib" + "sqlite3"[::1] + ".so.0")
        def kernel(x): return 2 * x + 1
        """
    found = watched(zygote, kernel, replace(GENERATOR, forbid=("sqlite3",)))
    [claim] = claims(LoadedLibraries(), found)
    assert claim.startswith("forbidden-library: loads libsqlite3.so")
    assert claims(LoadedLibraries(), replace(found, policy=GENERATOR)) == []


def evidence_of(**traces: Trace) -> Evidence:
    roles = {Role(role): trace for role, trace in traces.items()}
    any_evidence: Any = None
    found = Run(framework.EXPERIMENT, (), traces=roles)
    return Evidence(any_evidence, any_evidence, runs={framework.EXPERIMENT.name: found})


def test_what_the_reference_replaces_too_is_nobodys_trick() -> None:
    both = Trace(replaced=("torch.manual_seed",), switched=("threads: 1, then 2",))
    assert claims(ReliedOn(), evidence_of(submission=both, reference=both)) == []


@pytest.mark.parametrize(
    "detector", [ReliedOn(), DeferredOutput(), LibraryWork(), LoadedLibraries()]
)
def test_a_worker_that_told_nothing_is_an_abstention(detector: Detector) -> None:
    with pytest.raises(CannotJudge, match="died before it could tell"):
        claims(detector, evidence_of(reference=Trace()))


words = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
)
fields = st.fixed_dictionaries({
    "operations": words, "replaced": words, "switched": words, "results": words,
    "libraries": words, "library_answers": words, "deferred": words, "canaries": words,
    "calls": words, "kernels": words, "outputs": words,
})  # fmt: skip


@given(said=words | fields)
def test_whatever_a_worker_says_is_a_trace(said: object) -> None:
    trace = parse(said)
    assert isinstance(trace, Trace)
    assert all(isinstance(each, Operation) for each in trace.operations)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("aten.mm.default", "aten.mm"), ("aten.add_.Tensor", "aten.add"), ("own.op", "own.op")],
)
def test_an_operators_kind_leaves_out_its_overload(name: str, kind: str) -> None:
    assert Operation(name, 1, 1).kind == kind
