"""Every harness format is recognised from text alone, and says why."""

from pathlib import Path

import pytest

from integrity.errors import BadInput
from integrity.harness import load_task, needs_gpu, runs_interpreted
from integrity.harness.outline import Outline
from integrity.harness.slice import cut_out
from integrity.problem import Convention, Task
from integrity.submission import Submission

KERNELBENCH = "class ModelNew:\n    def forward(self, x): return x\n"
KERNELBENCH_REFERENCE = """\
import torch
class Model(torch.nn.Module): ...
def get_inputs(): return [torch.rand(4)]
def get_init_inputs(): return []
"""
GPU_MODE = "from task import input_t\ndef custom_kernel(data): return data\n"
GPU_MODE_REFERENCE = """\
import torch
from utils import match
from task import input_t
import helper
def generate_input(size: int, seed: int): return torch.rand(size)
def ref_kernel(data): return data
def check_implementation(data, output): return match(data, output)
"""
TASK = """\
files:
  - {"name": "submission.py", "source": "@SUBMISSION@"}
  - {"name": "task.py", "source": "task.py"}
  - {"name": "utils.py", "source": "../utils.py"}
  - {"name": "reference.py", "source": "reference.py"}
  - {"name": "eval.py", "source": "../eval.py"}
lang: "py"
tests:
  - {"size": 127, "seed": 4242}
  - {"size": 128, "seed": 5236}
benchmarks:
  - {"size": 1024, "seed": 54352}
  - {"size": 1024, "seed": 9}
"""
PAIR = "def kernel(x): return x\n"
PAIR_REFERENCE = "def reference(x): return x\ndef make_inputs(seed): return (seed,)\n"


def task_of(folder: Path, text: str, name: str = "kernel.py", **options: str) -> Task:
    path = folder / name
    path.write_text(text)
    return load_task(Submission.read(path), **options)  # type: ignore[arg-type]


def gpu_mode_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "vectoradd"
    folder.mkdir()
    (tmp_path / "utils.py").write_text("import torch\ndef match(a, b): return True, ''\n")
    (tmp_path / "eval.py").write_text("raise SystemExit\n")
    (folder / "task.py").write_text("input_t = object\n")
    (folder / "helper.py").write_text("import torch\n")
    (folder / "torch.py").write_text("stolen = True\n")
    (folder / "reference.py").write_text(GPU_MODE_REFERENCE)
    (folder / "task.yml").write_text(TASK)
    return folder


def test_kernelbench_in_two_files(tmp_path: Path) -> None:
    (tmp_path / "reference.py").write_text(KERNELBENCH_REFERENCE)
    task = task_of(tmp_path, KERNELBENCH)
    assert (task.harness, task.entry) == ("kernelbench", "ModelNew")
    assert task.problem is not None
    assert task.problem.convention is Convention.MODULE
    assert task.problem.sources == {"reference": KERNELBENCH_REFERENCE}
    assert task.problem.make_init_inputs == "get_init_inputs"
    assert task.problem.trusted
    assert task.why == (
        "kernelbench: it defines ModelNew",
        "entry: ModelNew",
        "reference: reference.py beside it",
    )


def test_kernelbench_in_one_file_is_cut_in_two_and_not_trusted(tmp_path: Path) -> None:
    task = task_of(tmp_path, KERNELBENCH_REFERENCE + KERNELBENCH)
    assert task.problem is not None
    assert not task.problem.trusted
    assert "ModelNew" not in task.problem.sources["reference"]
    assert "class Model(" in task.problem.sources["reference"]
    assert "not trusted" in task.why[-1]


def test_gpu_mode_takes_its_workloads_and_modules_from_the_task_file(tmp_path: Path) -> None:
    task = task_of(gpu_mode_folder(tmp_path), GPU_MODE, "submission.py")
    assert (task.harness, task.entry) == ("gpu-mode", "custom_kernel")
    assert task.problem is not None
    assert task.problem.workloads == ({"size": 1024}, {"size": 127}, {"size": 128})
    assert sorted(task.problem.sources) == ["helper", "reference", "task", "utils"]
    assert task.problem.shared == ("task", "utils")
    assert task.problem.check == "check_implementation"


def test_a_module_beside_a_reference_never_stands_in_for_a_library(tmp_path: Path) -> None:
    task = task_of(gpu_mode_folder(tmp_path), GPU_MODE)
    assert task.problem is not None
    assert "torch" not in task.problem.sources


def test_gpu_mode_without_a_task_file_can_not_size_its_inputs(tmp_path: Path) -> None:
    reference = GPU_MODE_REFERENCE.replace("from task import input_t\n", "")
    (tmp_path / "reference.py").write_text(reference)
    task = task_of(tmp_path, GPU_MODE)
    assert task.problem is None
    assert task.why[-1] == (
        "static only: generate_input needs size, which no task.yml beside it gives"
    )


def test_gpu_mode_by_its_header_alone(tmp_path: Path) -> None:
    task = task_of(tmp_path, "#!POPCORN leaderboard vectoradd\nclass ModelNew: ...\n")
    assert task.harness == "gpu-mode"
    assert task.why[0] == "gpu-mode: it has a #!POPCORN header"


def test_a_task_file_may_be_given_as_the_reference(tmp_path: Path) -> None:
    folder = gpu_mode_folder(tmp_path)
    kernel = tmp_path / "mine.py"
    kernel.write_text(GPU_MODE)
    task = load_task(Submission.read(kernel), folder / "task.yml")
    assert task.problem is not None
    assert task.problem.workloads[0] == {"size": 1024}


@pytest.mark.parametrize("task_file", ["[1, 2", "- a\n", "a: !!python/object:os.system {}\n"])
def test_a_broken_task_file_leaves_the_static_level(tmp_path: Path, task_file: str) -> None:
    folder = gpu_mode_folder(tmp_path)
    (folder / "task.yml").write_text(task_file)
    task = task_of(folder, GPU_MODE)
    assert task.problem is None
    assert "task.yml" in task.why[-1]


def test_a_pair_in_two_files(tmp_path: Path) -> None:
    (tmp_path / "problem.py").write_text(PAIR_REFERENCE)
    task = task_of(tmp_path, PAIR)
    assert task.harness == "pair"
    assert task.problem is not None
    assert task.problem.convention is Convention.ARGUMENTS
    assert task.why[-1] == "reference: problem.py beside it"


def test_a_pair_in_one_file(tmp_path: Path) -> None:
    task = task_of(tmp_path, PAIR + PAIR_REFERENCE)
    assert task.problem is not None
    assert not task.problem.trusted
    assert task.problem.sources["reference"] == PAIR_REFERENCE


def test_a_pair_prefers_the_inputs_of_the_reference(tmp_path: Path) -> None:
    (tmp_path / "reference.py").write_text(PAIR_REFERENCE)
    task = task_of(tmp_path, PAIR + "def make_inputs(seed): return ('mine',)\n")
    assert task.problem is not None
    assert "mine" not in str(task.problem.sources)
    assert task.problem.trusted


def test_a_pair_may_bring_its_own_inputs_and_is_then_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "reference.py").write_text("def reference(x): return x\n")
    task = task_of(tmp_path, PAIR + "def make_inputs(seed): return (seed,)\n")
    assert task.problem is not None
    assert not task.problem.trusted
    assert task.problem.sources["submitted_inputs"] == "def make_inputs(seed): return (seed,)\n"


def test_an_entry_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "reference.py").write_text(PAIR_REFERENCE)
    task = task_of(tmp_path, "def fast(x): return x\n", harness="pair", entry="fast")
    assert task.entry == "fast"
    assert task.problem is not None


def test_a_given_reference_tells_the_format_of_an_unknown_entry(tmp_path: Path) -> None:
    reference = tmp_path / "truth.py"
    reference.write_text(PAIR_REFERENCE)
    kernel = Submission.of("def fast(x): return x\n", tmp_path / "k.py")
    task = load_task(kernel, reference, entry="fast")
    assert (task.harness, task.entry) == ("pair", "fast")


def test_a_submission_is_never_its_own_sibling(tmp_path: Path) -> None:
    task = task_of(tmp_path, PAIR + PAIR_REFERENCE, "reference.py")
    assert task.problem is not None
    assert not task.problem.trusted


def test_without_a_reference_only_the_source_is_read(tmp_path: Path) -> None:
    task = task_of(tmp_path, KERNELBENCH)
    assert task.problem is None
    assert task.why[-1].startswith("static only: no reference")


def test_what_is_not_recognised_says_what_was_looked_for(tmp_path: Path) -> None:
    task = task_of(tmp_path, "x = 1\n")
    assert (task.harness, task.problem) == ("unknown", None)
    assert "ModelNew, custom_kernel, kernel" in task.why[0]


def test_a_cuda_file_is_read_only(tmp_path: Path) -> None:
    task = task_of(tmp_path, "__global__ void k() {}\n", "k.cu")
    assert (task.harness, task.problem) == ("unknown", None)
    task = task_of(tmp_path, "output_t custom_kernel(input_t data) {}\n", "s.cu")
    assert (task.harness, task.entry, task.problem) == ("gpu-mode", "custom_kernel", None)


def test_a_source_that_does_not_parse_still_has_a_harness(tmp_path: Path) -> None:
    (tmp_path / "reference.py").write_text(KERNELBENCH_REFERENCE)
    task = task_of(tmp_path, "class ModelNew(\n  def")
    assert task.harness == "kernelbench"


def test_bytes_that_are_no_text_have_none(tmp_path: Path) -> None:
    path = tmp_path / "k.py"
    path.write_bytes(b"\x00\x01ModelNew")
    task = load_task(Submission.read(path))
    assert task.harness == "unknown"
    assert task.why == ("static only: the file contains NUL bytes",)


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "1+" * 60_000 + "1",
        "x = " + "-" * 60_000 + "1",
        "x = " + "(" * 5_000 + ")" * 5_000,
        "x = a" + " and a" * 20_000,
        "x = " + "9" * 5_000,
        "x = '\\N{nothing}'",
        "if 1:\n" * 120 + "\tx",
        "x = 1\n" * 400_000,
        "\\d = '\\d'",
    ],
    ids=range(9),
)
def test_no_source_breaks_detection(text: str) -> None:
    load_task(Submission.of(text + "\ndef kernel(x): return x\n"))
    needs_gpu(text)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        (b"", "is empty"),
        (b"\x00", "contains NUL bytes"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"def reference(x): return x\n", "does not define Model and get_inputs"),
    ],
)
def test_a_given_reference_that_will_not_do_is_refused(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    reference = tmp_path / "truth.py"
    if content is not None:
        reference.write_bytes(content)
    with pytest.raises(BadInput, match=said):
        load_task(Submission.of(KERNELBENCH, tmp_path / "k.py"), reference)


def test_a_directory_is_no_reference(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is a directory"):
        load_task(Submission.of(KERNELBENCH, tmp_path / "k.py"), tmp_path)


def test_an_unknown_harness_lists_the_known() -> None:
    with pytest.raises(BadInput, match="known: auto, kernelbench, gpu-mode, pair"):
        load_task(Submission.of(PAIR), harness="kernelbanch")


def test_an_unknown_entry_lists_what_is_defined() -> None:
    with pytest.raises(BadInput, match="--entry is one of: kernel"):
        load_task(Submission.of(PAIR), entry="kernal")


def test_a_slice_drops_all_that_only_has_an_effect() -> None:
    source = """\
from __future__ import annotations
import os, torch
import sys as system
torch.cuda.Event.elapsed_time = lambda a, b: 0.001
setattr(torch, "rand", None)
os.environ["X"] = "1"
for i in range(3):
    print(i)
del i
SIZE = 4; UNUSED = print("unused")
if True:
    torch.rand = None
try:
    import triton
except ImportError:
    triton = None
class ModelNew: ...
class Model:
    def forward(self, x):
        return helper(x) if triton else x
@staticmethod
def helper(x):
    return x * SIZE
def get_inputs(): return [torch.rand(SIZE)]
"""
    kept = cut_out(Outline.of(source), ["Model", "get_inputs"], without=["ModelNew"])
    assert (
        kept
        == """\
from __future__ import annotations
import os, torch
SIZE = 4
try:
    import triton
except ImportError:
    triton = None
class Model:
    def forward(self, x):
        return helper(x) if triton else x
@staticmethod
def helper(x):
    return x * SIZE
def get_inputs(): return [torch.rand(SIZE)]
"""
    )


def test_a_slice_never_holds_the_entry_even_where_the_reference_names_it() -> None:
    source = "def kernel(x): return x\ndef reference(x): return kernel(x)\n"
    kept = cut_out(Outline.of(source), ["reference"], without=["kernel"])
    assert kept == "def reference(x): return kernel(x)\n"


def test_a_slice_counts_bytes_and_any_line_ending() -> None:
    source = "é = 'ü'; N = 'é'\r\nx = 1\rdef f(): return N\n"
    assert cut_out(Outline.of(source), ["f"]) == "N = 'é'\ndef f(): return N\n"


@pytest.mark.parametrize(
    "source",
    [
        "# x.cuda()\n'''x.cuda()'''\n",
        "if torch.cuda.is_available():\n    x.cuda()\n",
        'DEVICE = "cuda" if torch.cuda.is_available() else "cpu"\ny = x.to(DEVICE)\n',
        "def f(x):\n    if x.is_cuda:\n        return x.cuda()\n    return x\n",
        "def f(x):\n    if not x.is_cuda:\n        return x\n    return x.cuda()\n",
        'if x.device.type == "cuda":\n    x.cuda()\n',
        'if x.device.type != "cuda":\n    y = x\nelse:\n    y = x.cuda()\n',
        'if __name__ == "__main__":\n    x.cuda()\n',
        "try:\n    import cupy\nexcept ImportError:\n    cupy = None\n",
        'load_inline("m", cpp_sources=source, cuda_sources="")\n',
        'load_inline("m", cpp_sources=source, cuda_sources=[])\n',
        "@triton.jit\ndef k(x): ...\ndef kernel(x): k[(1,)](x)\n",
        "torch.cuda.Event.elapsed_time = lambda a, b: 0.001\n",
        'y = x.to("cpu")\n',
    ],
)
def test_what_runs_on_a_cpu_needs_no_gpu(source: str) -> None:
    assert needs_gpu(source) == ""


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("y = x.cuda()\n", "moves data with .cuda() (line 1)"),
        ("import cupy as cp\n", "imports cupy (line 1)"),
        ("from cupy.cuda import Device\n", "imports cupy (line 1)"),
        ('y = torch.empty(1, device="cuda:0")\n', 'puts tensors on device "cuda" (line 1)'),
        ('D = "cuda"\ny = x.to(D)\n', 'puts tensors on device "cuda" (line 2)'),
        ('d = torch.device("cuda")\n', 'puts tensors on device "cuda" (line 1)'),
        ("def f(x):\n    assert x.is_cuda, 'no'\n", "asserts a CUDA device (line 2)"),
        ("s = torch.cuda.Stream()\n", "creates a torch.cuda.Stream (line 1)"),
        ("g = torch.cuda.CUDAGraph()\n", "captures a CUDA graph (line 1)"),
        ('load_inline("m", cuda_sources=[source])\n', "compiles CUDA sources (line 1)"),
        (
            "if not torch.cuda.is_available():\n    raise RuntimeError\n",
            "raises without a CUDA device (line 1)",
        ),
        ("try:\n    import cupy\nexcept ImportError:\n    raise\n", "imports cupy (line 2)"),
        ("if torch.cuda.is_available():\n    pass\nelse:\n    x.cuda()\n", "moves data"),
    ],
)
def test_what_needs_a_gpu_says_where(source: str, reason: str) -> None:
    assert needs_gpu(source).startswith(reason)


@pytest.mark.parametrize(
    "source",
    [
        "import triton\n@triton.jit\ndef k(x): ...\n",
        "import triton as t\n@t.autotune([], key=[])\n@t.jit\ndef k(x): ...\n",
        "from triton import jit as compiled\n@compiled\ndef k(x): ...\n",
    ],
)
def test_a_triton_kernel_is_not_timed_on_a_cpu(source: str) -> None:
    assert runs_interpreted(source).startswith("k is a Triton kernel, interpreted here")


@pytest.mark.parametrize(
    "source",
    [
        "import torch\n@torch.jit.script\ndef k(x): return x\n",
        "# import triton, @triton.jit\ndef kernel(x): return x\n",
        "import triton\nprint(triton.__version__)\n",
    ],
)
def test_what_only_speaks_of_triton_is_timed(source: str) -> None:
    assert runs_interpreted(source) == ""
