"""C++ in submissions: facts, places, macros, PTX, and what joins what."""

import time
from inspect import cleandoc
from pathlib import Path

import pytest

from integrity.finding import Finding, Span
from integrity.rules.device_facts import DeviceCode
from integrity.rules.device_text import declared, split_arguments
from integrity.rules.holders import root
from integrity.rules.preprocess import expand
from integrity.rules.ptx import instructions
from integrity.rules.scan import scan
from integrity.rules.source import Source

CU = Path("kernel.cu")


def device(text: str) -> DeviceCode:
    return Source(cleandoc(text), CU).device


def found(text: str, path: Path = CU) -> list[Finding]:
    return scan(cleandoc(text), path)


def ids(text: str, path: Path = CU) -> set[str]:
    return {finding.id for finding in found(text, path)}


SOFTMAX = """
static cudaStream_t side = nullptr;
__constant__ float table[4];
template <typename T>
__global__ void __launch_bounds__(256) softmax(const T* __restrict__ x, float* y, int n) {
    __shared__ float tile[8][9];
    y[threadIdx.x] = x[threadIdx.x];
    atomicAdd(&y[0], 1.0f);
}
void run(const float* x, float* y, int n, cudaStream_t stream) {
    static int calls = 0;
    dim3 grid(n), block(16, 16);
    softmax<float><<<grid, block, 0, stream>>>(x, y, n);
    cudaLaunchKernel((void*)softmax<float>, grid, block, arguments, 0, side);
}
"""


def test_function_knows_its_parameters_calls_launches_and_statics() -> None:
    code = device(SOFTMAX)
    kernel, run = code.functions
    assert (kernel.name, kernel.is_kernel, run.is_kernel) == ("softmax", True, False)
    assert [(p.name, p.is_pointer, p.is_const) for p in kernel.parameters] == [
        ("x", True, True),
        ("y", True, False),
        ("n", False, False),
    ]
    assert [call.last for call in kernel.calls] == ["atomicAdd"]
    assert [made.left for made in kernel.assignments] == ["y[threadIdx.x]"]
    assert [line.names for line in code.statics] == [["side"], ["table"], ["calls"]]
    assert [function.name for function in code.kernels] == ["softmax"]


def test_launch_knows_its_kernel_and_configuration_in_every_spelling() -> None:
    launches = sorted(device(SOFTMAX).launches, key=lambda launch: launch.start)
    assert [launch.kernel for launch in launches] == ["softmax", "softmax"]
    assert [launch.stream for launch in launches] == ["stream", "side"]
    assert (launches[0].grid, launches[0].block, launches[0].shared) == ("grid", "block", "0")
    assert launches[0].given == ["x", "y", "n"]


def test_what_looks_like_a_function_inside_a_kernel_belongs_to_the_kernel() -> None:
    code = device(
        """
        __global__ void k(const float* x, float* y, int n) {
            CUDA_KERNEL_LOOP(i, n) { y[i] = x[i]; }
        }
        void run(const float* x, float* y, int n) { k<<<n, 1>>>(x, y, n); }
        """
    )
    assert [function.name for function in code.functions] == ["k", "run"]
    assert [made.left for made in code.functions[0].assignments] == ["y[i]"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("static float *ready = NULL;", ["ready"]),
        ("static std::unordered_map<void*, at::Tensor> cache, other;", ["cache", "other"]),
        ("thread_local bool done(false);", ["done"]),
        ("float table[4] = {1, 2, 3, 4};", ["table"]),
        ("dim3 grid(1, 2), block(16, 16);", ["grid", "block"]),
    ],
)
def test_declared_names(text: str, names: list[str]) -> None:
    assert declared(text) == names


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("cache[x.data_ptr()]", "cache"),
        ("it->second.clone()", "it"),
        ("(float*)kept + offset", "kept"),
        ("reinterpret_cast<float4*>(kept)", "kept"),
        ("std::move(kept)", "kept"),
        ("&ctx->stream", "ctx"),
        ("at::matmul(a, b)", ""),
        ("kept.sizes()", ""),
        ("a * b", ""),
    ],
)
def test_root_of_an_expression(expression: str, name: str) -> None:
    assert root(expression) == name


def test_arguments_keep_brackets_templates_and_strings_whole() -> None:
    text = 'f(a, b), std::pair<int, float>(1, 2), "x, y", a < b'
    parts = ["f(a, b)", "std::pair<int, float>(1, 2)", '"x, y"', "a < b"]
    assert split_arguments(text) == parts


def test_span_in_a_literal_with_escapes_points_at_the_call() -> None:
    text = 'CODE = "#include <x>\\nvoid f() { system(\\"true\\"); }"\n'
    (finding,) = scan(text, Path("kernel.py"))
    assert finding.id == "network-process"
    assert finding.span == Span(1, text.index("system") + 1, 1, text.index("; }") + 1)


def test_span_in_literals_side_by_side_points_into_the_right_one() -> None:
    text = 'CODE = ("#include <x>\\n"\n        "void f() { fork(); }")\n'
    (finding,) = scan(text, Path("kernel.py"))
    assert finding.span == Span(2, 21, 2, 27)


def test_span_counts_characters_in_a_cu_file_that_is_not_ascii() -> None:
    (finding,) = found('/* Größe */ void f() { system("true"); }')
    assert finding.span == Span(1, 24, 1, 38)


def test_span_of_a_call_that_a_macro_makes_is_the_use_of_the_macro() -> None:
    text = """
    #define RUN(command) system(command)
    void f() {
        RUN("true");
    }
    """
    (finding,) = found(text)
    assert (finding.id, finding.span) == ("network-process", Span(3, 5, 3, 16))


def test_text_written_to_a_file_and_then_compiled_is_read() -> None:
    text = """
    from pathlib import Path
    from torch.utils.cpp_extension import load
    head = "int system(const char*);"
    body = "static double half(double x) { system(\\"true\\"); return x / 2; }"
    CODE = "extern \\"C\\" {" + head + body + "}"
    Path("k.cpp").write_text(CODE)
    extension = load("k", sources=["k.cpp"])
    """
    assert "network-process" in ids(text, Path("kernel.py"))


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("#define N 4\nint a[N];", "int a[4];"),
        ("#define F(x) g(x)\nF((1, 2));", "g((1, 2));"),
        ("#define J(a, b) a ## b\nJ(sys, tem)();", "system();"),
        ("#define J(a, b) a##b\n#define K(a, b) J(a, b)\n#define S sys\nK(S, tem)();", "system();"),
        ("#define S(x) #x\nf(S(a b));", 'f("a b");'),
        ("#define V(f, ...) f(__VA_ARGS__)\nV(g, 1, 2);", "g(1,2);"),
        ("#define V(f, ...) f(0, ##__VA_ARGS__)\nV(g);", "g(0);"),
        ("#define G(x) h(x)\n#define F G\nF(1);", "h(1);"),
        ("#define R R + 1\nR;", "R + 1;"),
        ("#define F(x) g(x)\nint F;", "int F;"),
        ("sys\\\ntem();", "system();"),
        ("#define A(x) \\\n    g(x)\nA(1);", "g(1);"),
        ('#define N 4\nf("N"); // N', 'f("N"); // N'),
        ("#define N 4\n#undef N\nN;", "N;"),
    ],
)
def test_macros_expand_as_the_compiler_expands_them(text: str, expanded: str) -> None:
    assert expand(text).text.splitlines()[-1] == expanded


def test_code_under_if_0_is_dropped() -> None:
    text = '#if 0\nvoid f() { system("true"); }\n#endif\n#define N 1\nint a = N;'
    assert found(text) == []


@pytest.mark.parametrize(
    "bomb",
    [
        "".join(f"#define A{n} {f'A{n + 1} ' * 16}\n" for n in range(12)) + "A0\n",
        "#define F(x) F2(x x)\n#define F2(x) F3(x x)\n" * 3 + "F(" * 200 + ")" * 200,
        "#define F(x) x\n" + "F(" * 20_000,
        "#define F(x) x\n" + "F (" * 5_000 + ")" * 5_000,
        "".join(f"#define B{n} B{n + 1} B{n + 1}\n" for n in range(400)) + "B0",
    ],
)
def test_macro_bomb_is_capped(bomb: str) -> None:
    start = time.perf_counter()
    assert len(expand(bomb).text) < 1_000_000
    assert time.perf_counter() - start < 3


def test_macro_bomb_is_a_finding() -> None:
    bomb = "".join(f"#define A{n} {f'A{n + 1} ' * 16}\n" for n in range(12))
    assert "macro-hidden" in ids(bomb + "void f() { A0 }\n")


@pytest.mark.parametrize(
    "text", ["(" * 12_000, "*" * 12_000, '"' * 50_001, "/*" * 50_000, "<" * 9_000]
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    start = time.perf_counter()
    scan(f"__global__ void k(float* x) {{ x[0] = 1; }} static int a = {text}", CU)
    assert time.perf_counter() - start < 5


PTX = """
.version 8.0
.target sm_90
.address_size 64
.visible .entry k(.param .u64 x) {
    ld.param.u64 %rd1, [x];
    @%p1 ld.global.L2::evict_last.f32 %f1, [%rd1];
    cvt.rna.tf32.f32 %r1, %f1;
    ret;
}
"""


def test_ptx_module_is_read_by_instruction() -> None:
    code = Source(f"CODE = '''{PTX}'''\n").device
    names = [found.name for found in instructions(code)]
    assert "ld.global.L2::evict_last.f32" in names
    assert "cvt.rna.tf32.f32" in names
    assert code.functions == []


def test_ptx_kernel_that_stores_nothing_is_reported() -> None:
    reported = ids(f"CODE = '''{PTX}'''\n", Path("kernel.py"))
    assert {"unlaunched-kernel", "low-precision-instruction", "l2-persistence"} <= reported
    stores = PTX.replace("    ret;", "    st.global.f32 [%rd1], %f1;\n    ret;")
    assert "unlaunched-kernel" not in ids(f"CODE = '''{stores}'''\n", Path("kernel.py"))


def test_inline_assembly_is_read_by_instruction() -> None:
    code = device(
        """
        __global__ void k(float* y) {
            asm volatile("mov.u32 %0, 1;\\n\\t"
                         "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%1}, {%2};"
                         : "=r"(a) : "r"(b));
        }
        """
    )
    assert [found.name.partition(".")[0] for found in instructions(code)] == ["mov", "mma"]


STREAM = """
__global__ void k(float* x) {{ x[0] = 1; }}
void launch(float* x, cudaStream_t s) {{ k<<<1, 1, 0, s>>>(x); }}
void finish(cudaStream_t s) {{ cudaStreamSynchronize(s); }}
extern "C" void run(float* x, cudaStream_t current) {{
    cudaStream_t side;
    cudaEvent_t done;
    cudaStreamCreate(&side);
    cudaEventCreate(&done);
    {body}
}}
"""


@pytest.mark.parametrize(
    "body",
    [
        "k<<<1, 1, 0, side>>>(x); cudaStreamSynchronize(side);",
        "launch(x, side); finish(side);",
        "launch(x, side); cudaDeviceSynchronize();",
        "k<<<1, 1, 0, side>>>(x); cudaEventRecord(done, side); cudaStreamWaitEvent(current, done);",
        "for (int i = 0; i < 2; ++i) { k<<<1, 1, 0, side>>>(x); cudaStreamSynchronize(side); }",
    ],
)
def test_stream_that_is_joined_passes(body: str) -> None:
    assert "side-stream" not in ids(STREAM.format(body=body))


@pytest.mark.parametrize(
    "body",
    [
        "k<<<1, 1, 0, side>>>(x);",
        "launch(x, side); finish(current);",
        "cudaStreamSynchronize(side); k<<<1, 1, 0, side>>>(x);",
        "cudaEventRecord(done, current); cudaStreamWaitEvent(side, done); launch(x, side);",
        "k<<<1, 1, 0, side>>>(x); cudaEventRecord(done, side); cudaStreamWaitEvent(side, done);",
    ],
)
def test_stream_that_another_join_stands_beside_is_reported(body: str) -> None:
    assert "side-stream" in ids(STREAM.format(body=body))


def test_thread_that_another_join_stands_beside_is_reported() -> None:
    text = """
    #include <thread>
    void run(float* x) {
        std::thread one([] {}), two([=] { x[0] = 1; });
        std::thread three([=] { x[1] = 1; });
        three.join();
        std::thread([=] { x[2] = 1; }).detach();
    }
    """
    claims = [f.claim for f in found(text) if f.id == "thread-offload"]
    assert len(claims) == 2
