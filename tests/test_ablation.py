"""Probe C9: what an output is worth without the kernels that are said to compute it."""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from supervised import bench
from test_detectors import evidence, ids

from integrity.detectors import framework
from integrity.detectors.ablation import Ablation
from integrity.detectors.worker_death import WorkerDeath
from integrity.evidence import Evidence
from integrity.run import Role
from integrity.supervision.runner import run
from integrity.supervision.workers import Zygote

TRITON = """
import torch, triton
import triton.language as tl

@triton.jit
def affine(x, y, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + at, tl.load(x + at, mask=at < n) * 2 + 1, mask=at < n)

def launch(x):
    y = torch.empty_like(x)
    affine[(triton.cdiv(x.numel(), 1024),)](x, y, x.numel(), BLOCK=1024)
    return y
"""
NATIVE = """
import ctypes, subprocess, tempfile, torch
folder = tempfile.mkdtemp()
with open(folder + "/k.c", "w") as file:
    file.write("void k(const float*x,float*y,long n){for(long i=0;i<n;i++)y[i]=2*x[i]+1;}")
built = folder + "/k.so"
subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", built, folder + "/k.c"], check=True)
affine = ctypes.CDLL(built).k

def launch(x):
    y = torch.empty_like(x)
    pointers = ctypes.c_void_p(x.data_ptr()), ctypes.c_void_p(y.data_ptr())
    affine(*pointers, ctypes.c_long(x.numel()))
    return y
"""
EXTENSION = """
import torch
from torch.utils.cpp_extension import load_inline
SOURCE = "torch::Tensor affine(torch::Tensor x) { return x * 2 + 1; }"
launch = load_inline("ablated", SOURCE, functions=["affine"]).affine
"""
LIBRARY = """
import ctypes, torch
from torch.utils.cpp_extension import load_inline
SOURCE = 'extern "C" void k(const float*x,float*y,long n){for(long i=0;i<n;i++)y[i]=2*x[i]+1;}'
affine = ctypes.CDLL(load_inline("plain", SOURCE, is_python_module=False)).k

def launch(x):
    y = torch.empty_like(x)
    pointers = ctypes.c_void_p(x.data_ptr()), ctypes.c_void_p(y.data_ptr())
    affine(*pointers, ctypes.c_long(x.numel()))
    return y
"""
HONEST, DECOY, CHECKED = (
    "\ndef kernel(x): return launch(x)\n",
    "\ndef kernel(x):\n    launch(x)\n    return 2 * x + 1\n",
    "\ndef kernel(x):\n    assert launch(x)[0, 0] == 2 * x[0, 0] + 1\n    return launch(x)\n",
)
LAUNCHERS = [
    pytest.param(TRITON, id="triton"),
    pytest.param(NATIVE, id="ctypes"),
    pytest.param(EXTENSION, id="extension", marks=pytest.mark.slow),
    pytest.param(LIBRARY, id="built library", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("auto") as started:
        yield started


def watched(zygote: Zygote, kernel: str) -> Evidence:
    return evidence(run(bench(zygote, kernel, timeout_s=300), framework.EXPERIMENT))


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_an_output_that_needs_its_kernel_is_honest(zygote: Zygote, launcher: str) -> None:
    seen = watched(zygote, launcher + HONEST)
    [last] = [r for r in seen.run("framework").of(Role.SUBMISSION) if r.call == 3]
    assert last.reported.silenced == 1
    assert last.observed.checks[0].wrong
    assert ids(Ablation(), seen) == []
    assert all(not check.wrong for _, r in seen.calls() for check in r.observed.checks)


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_an_output_that_does_not_need_its_kernel_has_a_decoy(zygote: Zygote, launcher: str) -> None:
    assert ids(Ablation(), watched(zygote, launcher + DECOY)) == ["decoy-kernel"]


def test_a_kernel_whose_absence_is_fatal_is_no_decoy_and_not_broken(zygote: Zygote) -> None:
    seen = watched(zygote, NATIVE + CHECKED)
    assert seen.run("framework").death_of(Role.SUBMISSION) is not None
    assert len(seen.run("framework").traces) == 2
    assert ids(Ablation(), seen) == []
    assert ids(WorkerDeath(), seen) == []


def test_a_submission_without_kernels_of_its_own_has_none_to_miss(zygote: Zygote) -> None:
    assert ids(Ablation(), watched(zygote, "def kernel(x): return 2 * x + 1")) == []


class RawKernel:
    """As CuPy's, for a kernel that doubles and adds one."""

    def __init__(self, source: str, name: str) -> None:
        self.name = name

    def __call__(self, grid: Any, block: Any, args: Any) -> None:
        args[1].copy_(2 * args[0] + 1)


class RawModule:
    """As CuPy's, with such kernels."""

    def __init__(self, code: str) -> None:
        self.code = code

    def get_function(self, name: str) -> RawKernel:
        return RawKernel(self.code, name)


@pytest.fixture
def cupy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module with CuPy's interface, as `Ablation` finds it in a worker."""
    module: Any = ModuleType("cupy")
    module.RawKernel, module.RawModule = RawKernel, RawModule
    module.ElementwiseKernel = module.ReductionKernel = RawKernel
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


@pytest.mark.parametrize(
    "make",
    [
        lambda cupy: cupy.RawKernel("source", "affine"),
        lambda cupy: cupy.RawModule(code="source").get_function("affine"),
    ],
    ids=["kernel", "module"],
)
def test_kernels_of_cupy_do_nothing_while_they_are_silent(cupy: Any, make: Any) -> None:
    import torch

    from integrity.worker import ablation

    taken_out = ablation.Ablation({"kernel": "import cupy"})
    affine, x, y = make(cupy), torch.ones(4), torch.zeros(4)
    assert affine.name == "affine"
    with taken_out.silenced():
        affine((1,), (4,), (x, y))
    assert (taken_out.launches, y.tolist()) == (1, [0.0] * 4)
    affine((1,), (4,), (x, y))
    assert (taken_out.launches, y.tolist()) == (1, [3.0] * 4)


def test_a_submission_without_cupy_finds_cupy_as_it_was(cupy: Any) -> None:
    from integrity.worker import ablation

    made = cupy.RawKernel
    ablation.Ablation({"kernel": "import torch"})
    assert cupy.RawKernel is made
