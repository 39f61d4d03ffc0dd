"""What kernels compile to: honest ones first, then hacks that the source hides, then hostility."""

import importlib.util
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest
import supervised

from integrity.audit import audit
from integrity.compiled import Compilation, CompiledKernel, Mma, Pointer
from integrity.detectors.compiled_code import CompiledCode
from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Confidence, Finding, Severity
from integrity.harness import load_task
from integrity.harness.device import has_gpu_code
from integrity.policy import Policy, Precision
from integrity.problem import Task
from integrity.replay import load, save
from integrity.request import Level, Request
from integrity.submission import Submission
from integrity.supervision import compiling, machine_code, ttir
from integrity.supervision.workers import Zygote
from integrity.worker.device_code import device_part, instantiations

IR = Path(__file__).parent / "ir"
CORPORA = Path(__file__).parent.parent / "corpora"
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton is not installed"
)
needs_nvcc = pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc is not installed")

KERNEL = CompiledKernel(
    "k", "triton", "sm_90",
    pointers=(Pointer("x", "f32", True, False, (0,)), Pointer("o", "f32", False, True)),
    stores=1, loads=1, shared_bytes=1024, programs=8,
)  # fmt: skip
HONEST = Compilation((KERNEL,), inputs=("float32",), outputs=("float32",))


def facts(name: str) -> ttir.Facts:
    return ttir.read((IR / f"{name}.ttir").read_text())


def found(compilation: Compilation, precision: Precision = Precision.REFERENCE) -> list[Finding]:
    evidence = Evidence(
        Submission.of("import triton"), Task("pair", "kernel", None), Policy(precision=precision),
        compilation=compilation,
    )  # fmt: skip
    return list(CompiledCode().detect(evidence))


def with_kernel(**changes: object) -> Compilation:
    return replace(HONEST, kernels=(replace(KERNEL, **changes),))  # type: ignore[arg-type]


# -- the parsers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "loaded", "stored"),
    [
        ("hidden_half", {"a_ptr", "b_ptr"}, {"c_ptr"}),
        ("split_bf16", {"a_ptr", "b_ptr"}, {"c_ptr"}),
        ("by_descriptor", {"a_ptr"}, {"o_ptr"}),
        ("in_assembly", {"a_ptr"}, {"o_ptr"}),
        ("chooses", {"a_ptr", "b_ptr", "o_ptr"}, {"o_ptr"}),  # atomics load, too
        ("ignores_b", {"a_ptr"}, {"o_ptr"}),
        ("stores_never", set(), set()),
    ],
)
def test_triton_ir_says_which_pointers_are_loaded_and_stored(
    name: str, loaded: set[str], stored: set[str]
) -> None:
    assert (facts(name).loaded, facts(name).stored) == (loaded, stored)


def test_a_half_precision_product_behind_a_helper_is_seen() -> None:
    assert facts("hidden_half").mma == (Mma("f16", "f32"),)
    assert not facts("hidden_half").splits


def test_a_product_in_parts_keeps_what_narrowing_cut_off() -> None:
    assert facts("split_bf16").splits


def test_arithmetic_on_halves_is_counted() -> None:
    assert (facts("halves").narrow_operations, facts("ignores_b").narrow_operations) == (2, 0)


def test_inline_assembly_is_told() -> None:
    assert facts("in_assembly").has_assembly


def test_an_operation_nobody_knows_counts_as_load_and_store_of_its_pointers() -> None:
    text = (IR / "ignores_b.ttir").read_text().replace(
        "    tt.return", "    tt.brand_new %b_ptr : !tt.ptr<f32>\n    tt.return"
    )  # fmt: skip
    assert "b_ptr" in ttir.read(text).loaded & ttir.read(text).stored


def test_ptx_says_what_is_multiplied_loaded_and_stored() -> None:
    (entry,) = machine_code.read_ptx((IR / "hidden_half.sm_90.ptx").read_text())
    assert entry.name == "hidden_half"
    assert entry.mma == [Mma("f16", "f32", count=2)]
    assert entry.loads and entry.stores


def test_ptx_of_nvcc_says_the_same_and_how_much_shared_memory_is_declared() -> None:
    (entry,) = machine_code.read_ptx((IR / "wmma.sm_90.ptx").read_text())
    assert entry.mma == [Mma("f16", "f32")]
    assert (entry.shared_bytes, entry.stores) == (1024, 1)


def test_amd_assembly_says_what_is_multiplied() -> None:
    entry = machine_code.read_amdgcn((IR / "hidden_half.gfx942.amdgcn").read_text())
    assert entry.mma == [Mma("f16", "f32", count=3)]


@pytest.mark.parametrize(
    ("line", "mma"),
    [
        ("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {%f1}, %r1;", Mma("bf16", "f32")),
        ("wgmma.mma_async.sync.aligned.m64n64k16.f16.f16.f16 {%r1}, %r2;", Mma("f16", "f16")),
        ("tcgen05.mma.cta_group::1.kind::tf32 [%r1], %rd1, %rd2;", Mma("tf32", "f32")),
        ("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%r1}, {%r2};", Mma("tf32", "f32")),
    ],
)  # fmt: skip
def test_every_generation_of_mma_is_read(line: str, mma: Mma) -> None:
    (entry,) = machine_code.read_ptx(f".visible .entry k(\n)\n{{\n\t@%p1 {line}\n}}")
    assert entry.mma == [mma]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        "", "\0", "tt.func", "tt.func" + "%" * 900_000, "tt.func\n" + "}\n" * 30_000,
        "tt.func\n" + "%a = tt.load %a\n" * 39_000, "tt.func\n%x:9999 = scf.for iter_args(\n",
        "tt.func\n" + "%a:999 = x.y %a#1, %a#2 {\n" * 9_000, "ld\nst\n.shared\nmma\nwmma\ncvt\n",
        "tt.func\n" + ("%v = x.y " + "%v, " * 4_000 + "\n") * 60,
    ],
)  # fmt: skip
def test_parsers_survive_any_text_in_linear_time(text: str) -> None:
    ttir.read(text)
    machine_code.read_ptx(text)
    machine_code.read_amdgcn(text)


# -- the detector --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "compilation",
    [
        HONEST,
        with_kernel(mma=(Mma("f32", "f32", "ieee"),)),
        with_kernel(mma=(Mma("f32", "f32", "tf32x3"),)),
        replace(with_kernel(mma=(Mma("f16", "f32"),)), inputs=("float16",)),
        replace(with_kernel(narrow_operations=3), outputs=("bfloat16",)),
        with_kernel(pointers=(Pointer("out", "f32", False, True, (0,)),)),  # an output passed in
        replace(with_kernel(pointers=(Pointer("x", "f32", False, False, (0,)),)), host_reads=(0,)),
        replace(with_kernel(pointers=(Pointer("x", "f32", False, False, (0,)),)), incomplete="r"),
        with_kernel(language="cuda", pointers=(), shared_bytes=0, narrow_operations=2),
    ],
)
def test_honest_kernels_raise_nothing(compilation: Compilation) -> None:
    assert found(compilation) == []


def test_tf32_is_only_noted_since_it_is_tritons_default() -> None:
    (finding,) = found(with_kernel(mma=(Mma("f32", "f32", "tf32"),)))
    assert (finding.id, finding.severity) == ("tf32-mma", Severity.NOTE)


@pytest.mark.parametrize("mma", [Mma("f16", "f32"), Mma("bf16", "f32"), Mma("f16", "f16")])
def test_a_narrow_product_of_float32_data_is_suspicious(mma: Mma) -> None:
    (finding,) = found(with_kernel(mma=(mma,)))
    assert finding.id == "narrow-mma"
    assert (finding.severity, finding.confidence) == (Severity.SUSPICIOUS, Confidence.HIGH)


@pytest.mark.parametrize(
    ("mma", "permitted", "severity"),
    [
        ("f16", Precision.FP16, Severity.NOTE),
        ("bf16", Precision.BF16, Severity.NOTE),
        ("f8E4M3FN", Precision.BF16, Severity.SUSPICIOUS),
        ("f16", Precision.TF32, Severity.SUSPICIOUS),
    ],
)
def test_what_the_policy_permits_is_only_noted(
    mma: str, permitted: Precision, severity: Severity
) -> None:
    (finding,) = found(with_kernel(mma=(Mma(mma, "f32"),)), permitted)
    assert finding.severity is severity


def test_a_wider_type_put_together_from_halves_is_only_noted() -> None:
    (finding,) = found(with_kernel(mma=(Mma("bf16", "f32", count=3),), splits=True))
    assert finding.severity is Severity.NOTE


def test_an_only_kernel_that_stores_nothing_is_suspicious() -> None:
    assert found(with_kernel(stores=0))[0].id == "stores-nothing"
    assert found(with_kernel(stores=0))[0].confidence is Confidence.HIGH


def test_inputs_that_no_kernel_loads_are_found() -> None:
    ignored = Pointer("y", "f32", False, False, (1,))
    some = with_kernel(pointers=(*KERNEL.pointers, ignored))
    assert [finding.id for finding in found(some)] == ["input-not-loaded"]
    none = with_kernel(pointers=(ignored, KERNEL.pointers[1]))
    assert [(f.id, f.severity) for f in found(none)] == [("no-input-loaded", Severity.HACK)]


def test_shared_memory_counts_against_each_targets_limit() -> None:
    def needs(size: int) -> list[Finding]:
        made = tuple(
            replace(KERNEL, target=target, shared_bytes=size) for target in ("sm_90", "gfx942")
        )
        return found(replace(HONEST, kernels=made))

    assert needs(65_536) == []
    assert [(f.id, f.severity) for f in needs(65_537)] == [("shared-memory", Severity.NOTE)]
    assert [f.severity for f in needs(232_449)] == [Severity.SUSPICIOUS]
    some = (replace(KERNEL, shared_bytes=232_449), replace(KERNEL, target="x", shared_bytes=None))
    assert [f.severity for f in found(replace(HONEST, kernels=some))] == [Severity.NOTE]


def test_it_abstains_without_a_compilation_but_not_where_there_is_nothing_to_compile() -> None:
    task = Task("pair", "kernel", None)
    with pytest.raises(CannotJudge):
        list(CompiledCode().detect(Evidence(Submission.of("import triton"), task)))
    assert list(CompiledCode().detect(Evidence(Submission.of("import torch"), task))) == []


# -- what a worker may answer ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"kernels": 7, "failures": {}, "host_reads": "x", "outputs": None, "raised": []},
        {"kernels": [None, 3, [], {}, {"language": "triton", "parameters": [None, {"type": 5}]}]},
        {"kernels": [{"language": "triton", "shared_bytes": True, "programs": -1, "ir": 5}]},
        {"kernels": [{"language": "cuda", "machine": ["x"]}] * 1000},
    ],
)
def test_a_forged_answer_is_read_without_faith(answer: dict[str, object]) -> None:
    assert len(compiling.as_compilation(answer).kernels) <= 160


# -- CUDA sources ----------------------------------------------------------------------------------

SOURCE = """
#include <torch/extension.h>
#include <cuda_fp16.h>
#define TILE 16 \\
    * 2
// at::Tensor in a comment, and a brace {
namespace detail {
__device__ float twice(float x) { return x + x; }  /* } */
void host_only() { printf("}"); }
}
template <int N>
__global__ void scale(const float* x, float* y, int n) {
    int i = blockIdx.x * N + threadIdx.x;
    if (i < n) { y[i] = detail::twice(x[i]); }
}
torch::Tensor run(torch::Tensor x) {
    auto y = torch::empty_like(x);
    scale<128><<<x.numel() / 128, 128>>>(x.data_ptr<float>(), y.data_ptr<float>(), x.numel());
    return y;
}
PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) { m.def("run", &run); }
"""


def test_only_the_device_part_of_a_source_is_kept() -> None:
    kept = device_part(SOURCE)
    assert "torch" not in kept and "host_only" not in kept and "PYBIND" not in kept
    for part in ("cuda_fp16.h", "#define TILE 16 \\\n    * 2", "twice(float x)", "void scale("):
        assert part in kept


def test_a_template_is_named_with_the_arguments_of_its_launch() -> None:
    assert instantiations(SOURCE) == ["scale<128>"]


# -- real compilations, in the sandbox -------------------------------------------------------------


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as started:
        yield started


def compiled(
    zygote: Zygote, source: str, patience_s: float = 60, reference: str = ""
) -> Compilation:
    reference = reference or supervised.REFERENCE
    return compiling.look(supervised.bench(zygote, source, reference), patience_s)


TRITON = """
import torch
import triton
import triton.language as tl

def narrowed(x):
    return x

@triton.jit
def twice_plus(x_ptr, o_ptr, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    x = tl.load(x_ptr + at, mask=inside)
    tl.store(o_ptr + at, 2 * x + 1, mask=inside)

def kernel(x):
    x = x.cuda()
    assert x.is_cuda and x.device.type == "cuda" and torch.cuda.is_available()
    out = torch.empty(x.shape, device="cuda")
    twice_plus[(triton.cdiv(x.numel(), 256),)](x, out, x.numel(), BLOCK=256)
    torch.cuda.synchronize()
    return out
"""


@needs_triton
def test_an_honest_kernel_compiles_for_every_target_and_raises_nothing(zygote: Zygote) -> None:
    made = compiled(zygote, TRITON)
    assert made.unavailable == made.incomplete == "" and made.failures == ()
    assert {k.target for k in made.kernels} == {"sm_80", "sm_90", "sm_100", "gfx942", "gfx950"}
    assert [p.inputs for p in made.kernels[0].pointers] == [(0,), ()]
    assert made.kernels[0].programs == 32
    assert all(kernel.shared_bytes is not None for kernel in made.kernels)
    assert found(made) == []


@needs_triton
@pytest.mark.parametrize(
    ("old", "new", "id"),
    [
        ("2 * x + 1, mask", "at * 1.0, mask", "no-input-loaded"),
        ("2 * x + 1, mask", "2 * x.to(tl.float16) + 1, mask", "narrow-arithmetic"),
        pytest.param("triton.cdiv(x.numel(), 256)", "0", "empty-grid", marks=pytest.mark.slow),
    ],
)
def test_hacks_that_the_source_hides_show_in_the_ir(
    zygote: Zygote, old: str, new: str, id: str
) -> None:
    made = compiled(zygote, TRITON.replace(old, new))
    assert id in {finding.id for finding in found(made)}, made


PRODUCT = """
import torch

def reference(a, b):
    return a @ b

def make_inputs(seed):
    g = torch.Generator().manual_seed(seed)
    return [torch.randn(32, 32, generator=g), torch.randn(32, 32, generator=g)]
"""
MATMUL = """
import torch
import triton
import triton.language as tl

@triton.jit
def cast(x):
    return x.to(tl.float32)

@triton.jit
def product(a_ptr, b_ptr, c_ptr, N: tl.constexpr):
    rows = tl.arange(0, N)
    at = rows[:, None] * N + rows[None, :]
    a, b = cast(tl.load(a_ptr + at)), cast(tl.load(b_ptr + at))
    tl.store(c_ptr + at, tl.dot(a, b))

def kernel(a, b):
    c = torch.empty_like(a)
    product[(1,)](a, b, c, N=32)
    return c
"""


@needs_triton
def test_a_cast_in_a_helper_of_a_matmul_is_found_and_an_honest_matmul_is_not(
    zygote: Zygote,
) -> None:
    honest = found(compiled(zygote, MATMUL, reference=PRODUCT))
    assert {finding.severity for finding in honest} <= {Severity.NOTE}
    hack = MATMUL.replace("x.to(tl.float32)", "x.to(tl.float16)")
    assert "narrow-mma" in {f.id for f in found(compiled(zygote, hack, reference=PRODUCT))}


MADE_BY_MACROS = {"silu-clamp-typed-macros"}
"""Their device functions are no functions before the preprocessor has run: those are not found."""


@needs_triton
@pytest.mark.slow
@pytest.mark.parametrize(
    "name", sorted(path.parent.name for path in (CORPORA / "honest").glob("*/kernel.py"))
)
def test_nothing_is_found_in_what_honest_submissions_compile_to(name: str) -> None:
    import tomllib

    folder = CORPORA / "honest" / name
    problem = tomllib.loads((folder / "label.toml").read_text())["problem"]
    submission = Submission.read(folder / "kernel.py")
    if not has_gpu_code(submission.text):
        pytest.skip("holds no GPU kernel")
    task = load_task(submission, CORPORA / "problems" / problem / "reference.py")
    evidence = audit(Request(submission, task), detectors=()).evidence
    assert evidence.compilation is not None
    missed = "it launched no kernel and compiled no CUDA text" if name in MADE_BY_MACROS else ""
    assert evidence.compilation.unavailable == missed
    if missed:
        return
    assert [f for f in CompiledCode().detect(evidence) if f.severity > Severity.NOTE] == []


@pytest.mark.parametrize(
    "source",
    [
        "import triton\nraise ValueError('no')",
        "import triton\nwhile True: pass",
        "import os\nos._exit(0)  # triton",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "import os\nos.write(3, b'x' * 1000)\nos._exit(1)",
        "import struct, os\nos.write(3, struct.pack('!I', 100 << 20))\nos._exit(1)",
        "import os, time\nos.write(3, b'\\0\\1\\0\\0')\nwhile os.write(3, b'x'): time.sleep(0.2)",
        "import socket\nsocket.socket(fileno=3).close()\nkernel = None",
    ],
)
def test_a_hostile_submission_ends_in_an_abstention(zygote: Zygote, source: str) -> None:
    made = compiled(zygote, source, patience_s=1.5)
    assert made.unavailable
    with pytest.raises(CannotJudge):
        found(made)


CUDA = f'''
import torch
from torch.utils.cpp_extension import load_inline

module = load_inline(name="m", cpp_sources="torch::Tensor run(torch::Tensor x);",
                     cuda_sources=r"""{SOURCE}""", functions=["run"])

def kernel(x):
    return module.run(x.cuda())
'''


@needs_nvcc
def test_cuda_text_compiles_without_torchs_headers(zygote: Zygote) -> None:
    made = compiled(zygote, CUDA)
    assert made.failures == ()
    (kernel,) = made.kernels
    assert (kernel.language, kernel.loads, kernel.stores) == ("cuda", 1, 1)
    assert found(made) == []


@pytest.mark.slow
@needs_nvcc
def test_cuda_text_that_stores_nothing_is_found(zygote: Zygote) -> None:
    made = compiled(zygote, CUDA.replace("y[i] = detail::twice(x[i]);", ""))
    assert "stores-nothing" in {finding.id for finding in found(made)}


# -- in an audit -----------------------------------------------------------------------------------


@needs_triton
def test_a_kernel_that_needs_a_gpu_is_compiled_and_frozen_with_the_evidence(tmp_path: Path) -> None:
    (tmp_path / "reference.py").write_text(dedent(supervised.REFERENCE))
    (tmp_path / "kernel.py").write_text(
        TRITON.replace("inside = at < n", "inside = (at < n) & False") + "import threading\n"
    )
    submission = Submission.read(tmp_path / "kernel.py")
    finished = audit(Request(submission, load_task(submission)))
    assert finished.evidence.unrun.startswith("it needs a GPU")
    save(finished, tmp_path / "evidence.json")
    frozen = load(tmp_path / "evidence.json").evidence()
    assert {"stores-nothing"} <= {finding.id for finding in CompiledCode().detect(frozen)}
    static = audit(Request(submission, load_task(submission), level=Level.STATIC))
    assert static.evidence.compilation is None
