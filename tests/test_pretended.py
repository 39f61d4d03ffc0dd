"""What names a GPU, and needs no more of one than that, runs on a processor that says it is one."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from supervised import bench, checks, run_calls

from integrity.audit import audit
from integrity.detectors import framework
from integrity.detectors.library_work import LibraryWork
from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Finding
from integrity.harness.device import pretends_gpu
from integrity.policy import GENERATOR
from integrity.problem import Convention, Problem, Task
from integrity.request import Level, Request
from integrity.run import PRETENDED, Role
from integrity.submission import Submission
from integrity.supervision.runner import run
from integrity.supervision.workers import Zygote

DOUBLED = """
import torch
import triton
import triton.language as tl

@triton.autotune([triton.Config({"BLOCK": 256}), triton.Config({"BLOCK": 512})], key=["n"])
@triton.jit
def doubled(x, y, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + at, 2 * tl.load(x + at, mask=at < n) + 1, mask=at < n)

def launched(x):
    y = torch.empty(x.shape, device="cuda:0", dtype=x.dtype)
    doubled[lambda meta: (triton.cdiv(x.numel(), meta["BLOCK"]),)](x, y, x.numel())
    return y
"""

ON_DEVICE = """
import torch

def reference(x): return 2 * x + 1

def make_inputs(seed):
    generator = torch.Generator(device="cuda").manual_seed(seed)
    return [torch.randn(64, 128, device="cuda", generator=generator)]
"""


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("auto") as started:
        yield started


def accusations(zygote: Zygote, kernel: str) -> list[Finding]:
    setup = bench(zygote, kernel)
    runs = {framework.EXPERIMENT.name: run(setup, framework.EXPERIMENT)}
    return list(LibraryWork().detect(Evidence(setup.submission, setup.task, GENERATOR, runs)))


@pytest.mark.parametrize(
    "asked",
    [
        "assert x.is_cuda and x.device.type == 'cuda'",
        "if not x.is_cuda: return torch.zeros_like(x)",
        "if not torch.cuda.is_available(): raise RuntimeError('a GPU is needed')",
        "x = x.cuda().to('cuda', non_blocking=True)",
        "assert torch.cuda.get_device_properties(x.device).multi_processor_count > 100",
    ],
)
def test_a_triton_kernel_that_wants_a_gpu_is_run_by_the_interpreter(
    zygote: Zygote, asked: str
) -> None:
    finished = run_calls(zygote, f"{DOUBLED}\ndef kernel(x):\n    {asked}\n    return launched(x)")
    assert checks(finished) == [0.0] * 3
    assert finished.facts[PRETENDED] == 1.0


def test_an_autotuned_kernel_needs_no_device_to_choose(zygote: Zygote) -> None:
    kernel = DOUBLED.replace('device="cuda:0"', "device=x.device") + "kernel = launched\n"
    finished = run_calls(zygote, kernel)
    assert checks(finished) == [0.0] * 3
    assert PRETENDED not in finished.facts


def test_what_is_wrong_behind_a_wish_for_a_gpu_is_seen(zygote: Zygote) -> None:
    kernel = f"{DOUBLED}\nkept = []\ndef kernel(x):\n    assert x.is_cuda\n"
    kernel += "    if not kept: kept.append(launched(x))\n    return kept[0]"
    assert [share > 0 for share in checks(run_calls(zygote, kernel))] == [False, True, True]


def test_a_problem_that_draws_its_inputs_on_a_gpu_can_be_asked(zygote: Zygote) -> None:
    finished = run_calls(zygote, "def kernel(x): return x * 2 + 1", reference=ON_DEVICE)
    assert checks(finished) == [0.0] * 3


def test_what_the_host_writes_to_its_copy_does_not_reach_the_input(zygote: Zygote) -> None:
    kernel = """
        def kernel(x):
            host, same = x.cpu(), x.to("cpu")
            host.zero_()
            same.zero_()
            return (2 * x + 1).cuda()
        """
    finished = run_calls(zygote, kernel)
    assert checks(finished) == [0.0] * 3
    assert all(not result.observed.changed_inputs for result in finished.results)


def test_a_joined_stream_runs_in_order(zygote: Zygote) -> None:
    kernel = """
        import torch
        side, done = torch.cuda.Stream(), torch.cuda.Event()
        def kernel(x):
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                y = 2 * x + 1
                done.record(side)
            torch.cuda.current_stream().wait_event(done)
            y.record_stream(torch.cuda.current_stream())
            return y
        """
    assert checks(run_calls(zygote, kernel)) == [0.0] * 3


GRAPHED = f"""
{DOUBLED}
class Captured:
    def __init__(self, f, x):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            f(x)
        torch.cuda.current_stream().wait_stream(side)
        self.x, self.graph = x.clone(), torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, pool=torch.cuda.graph_pool_handle(), stream=side):
            assert torch.cuda.is_current_stream_capturing()
            self.y = f(self.x)
kept = []
def replayed(f, x, copies=True):
    if not kept: kept.append(Captured(f, x))
    if copies: kept[0].x.copy_(x)
    kept[0].graph.replay()
    return kept[0].y.clone()
"""

OPERATORS = """
def operators(x):
    halves = [half.mul(4.0) for half in x.split(64, dim=1)]
    y = torch.cat(halves, dim=1).t()
    y.div_(2.0)
    ones = torch.zeros(128, 64, device='cuda')
    ones.fill_(1.0)
    return torch.add(y, ones, out=torch.empty_like(ones)).t().contiguous()
"""


@pytest.mark.parametrize("captured", ["launched", "operators"])
def test_a_graph_that_is_replayed_on_the_new_input_is_right(zygote: Zygote, captured: str) -> None:
    kernel = f"{GRAPHED}{OPERATORS}\ndef kernel(x): return replayed({captured}, x)"
    assert checks(run_calls(zygote, kernel)) == [0.0] * 3


@pytest.mark.parametrize("captured", ["launched", "operators"])
def test_a_graph_that_is_replayed_on_the_first_input_is_wrong(
    zygote: Zygote, captured: str
) -> None:
    kernel = f"{GRAPHED}{OPERATORS}\ndef kernel(x): return replayed({captured}, x, False)"
    assert [share > 0 for share in checks(run_calls(zygote, kernel))] == [False, True, True]


def test_what_fails_on_a_pretended_gpu_speaks_against_nobody(zygote: Zygote) -> None:
    kernel = "def kernel(x):\n    assert x.is_cuda\n    raise RuntimeError('no such engine')"
    with pytest.raises(CannotJudge, match="pretends to be a GPU it raised RuntimeError: no such"):
        run_calls(zygote, kernel)


def test_a_library_that_answers_on_a_pretended_gpu_is_named(zygote: Zygote) -> None:
    library = f"{DOUBLED}\ndef kernel(x):\n    if x.is_cuda: return torch.add(2 * x, 1)\n"
    [finding] = accusations(zygote, library + "    return launched(x)")
    assert finding.id == "library-does-the-work"


def test_a_way_round_at_a_smaller_size_accuses_nobody(zygote: Zygote) -> None:
    kernel = f"{DOUBLED}\ndef kernel(x):\n"
    kernel += "    return launched(x) if x.numel() > 2**20 else torch.add(2 * x, 1)"
    setup = replace(bench(zygote, kernel), reduced=True)
    runs = {framework.EXPERIMENT.name: run(setup, framework.EXPERIMENT)}
    with pytest.raises(CannotJudge, match="its way round for small problems"):
        list(LibraryWork().detect(Evidence(setup.submission, setup.task, GENERATOR, runs)))


def test_an_audit_says_what_was_pretended_and_times_nothing() -> None:
    problem = Problem("pair", Convention.ARGUMENTS, {"reference": ON_DEVICE}, "reference",
                      "make_inputs")  # fmt: skip
    submission = Submission.of(
        f"{DOUBLED}\ndef kernel(x):\n    assert x.is_cuda\n    return launched(x)"
    )
    task = Task("pair", "kernel", problem)
    finished = audit(Request(submission, task, level=Level.CPU, budget_s=6.0))
    assert finished.verdict.label == "inconclusive"
    assert any("was pretended" in why for why in finished.evidence.task.why)
    assert not any(run.experiment.timed for run in finished.evidence.runs.values())
    reasons = finished.evidence.skipped.values()
    assert any("it can't be timed on a CPU: doubled is a Triton kernel" in one for one in reasons)
    assert finished.evidence.run("values:fresh").of(Role.SUBMISSION)


@pytest.mark.parametrize(
    "source",
    [
        "y = x.cuda()\n",
        "def f(x):\n    assert x.is_cuda, 'no'\n",
        "s = torch.cuda.Stream()\n",
        "g = torch.cuda.CUDAGraph()\n",
        "import triton\n@triton.jit\ndef k(x): ...\ndef f(x):\n"
        "    if not x.is_cuda: return x + 1\n    k[(1,)](x)\n",
    ],
)
def test_a_processor_can_say_that_it_is_a_gpu(source: str) -> None:
    assert pretends_gpu([source])


@pytest.mark.parametrize(
    "source",
    [
        "def f(x): return x + 1\n",
        "def f(x): return x.to('cuda' if torch.cuda.is_available() else 'cpu')\n",
        "import cupy as cp\ny = x.cuda()\n",
        "g = torch.cuda.make_graphed_callables(f, (x.cuda(),))\n",
        'build("__global__ void f() {}")\ny = x.cuda()\n',
        "import threading\ny = x.cuda()\n",
    ],
)
def test_a_processor_can_not_do_all_that_a_gpu_can(source: str) -> None:
    assert not pretends_gpu([source])
