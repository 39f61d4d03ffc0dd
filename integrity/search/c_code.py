"""C for a formula and a schedule, in a Python file that compiles it and calls it by ctypes."""

import platform

from integrity.search.formula import (
    Apply,
    Expression,
    Formula,
    Leaf,
    Product,
    Reduce,
    by_column,
    nodes,
)
from integrity.search.schedules import Schedule
from integrity.search.spelling import C, Writer
from integrity.search.wrapping import wrapped

_SOURCE = r"""
#include <math.h>
#include <stdlib.h>

static inline float fast_exp(float x) {
    x = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
    float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    float r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    union { int i; float f; } power = { ((int)n + 127) << 23 };
    return p * power.f;
}
"""

_PYTHON = '''\
import ctypes
import subprocess
import tempfile
from pathlib import Path

import torch
import torch.nn as nn

SOURCE = r"""{source}"""
FLAGS = {flags!r}


def build():
    folder = Path(tempfile.mkdtemp())
    (folder / "kernel.c").write_text(SOURCE)
    command = ["cc", *FLAGS, "-fopenmp", "-shared", "-fPIC", "kernel.c", "-o", "kernel.so", "-lm"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "kernel.so"))


library = build()


def run({arguments}):
    for each in ({tensors},):
        if each.dtype != torch.float32:
            raise TypeError(f"for float32 only, not {{each.dtype}}")
{prepare}
    library.run(
        {call},
    )
    return y


{entry}'''
_ROWS = """\
    columns = x0.shape[-1]
    rows = x0.numel() // columns
    {contiguous}
    y = {output}"""
_MATRICES = """\
    {contiguous}
    rows, inner = x0.shape
    columns = {right}.shape[1]
    y = torch.empty(rows, columns)"""


def c_kernel(formula: Formula, schedule: Schedule, entry: str) -> str:
    """The file; `entry` is the name that the harness calls."""
    products = [node for node in nodes(formula.root) if isinstance(node, Product)]
    product = products[0] if products else None
    operands = [f"x{n}" for n in range(len(formula.inputs))]
    operands += [f"w{n}" for n in range(len(formula.weights))]
    scalars = [f"s{n}" for n in range(len(formula.scalars))]
    contiguous = "; ".join(f"{each} = {each}.contiguous()" for each in operands)
    if product:
        text = _product(formula, schedule, product)
        sizes = ["rows", "inner", "columns"]
        prepare = _MATRICES.format(contiguous=contiguous, right=_name(product.right))
    else:
        text = _rows(formula, schedule)
        sizes = ["rows", "columns"]
        prepare = _ROWS.format(contiguous=contiguous, output=output_of(formula))
    call = [f"ctypes.c_void_p({each}.data_ptr())" for each in [*operands, "y"]]
    call += [f"ctypes.c_float({each})" for each in scalars]
    call += [f"ctypes.c_long({each})" for each in sizes]
    call.append("ctypes.c_int(torch.get_num_threads())")
    return _PYTHON.format(
        source=_SOURCE + text,
        flags=_flags(schedule),
        arguments=", ".join([*operands, *scalars]),
        tensors=", ".join(operands),
        prepare=prepare,
        call=",\n        ".join(call),
        entry=wrapped(formula, entry),
    )


def output_of(formula: Formula) -> str:
    """How the output of a row program is allocated."""
    root = formula.root
    if by_column(root):
        return "torch.empty_like(x0)"
    kept = ", 1" if isinstance(root, Reduce) and root.keeps else ""
    return f"torch.empty((*x0.shape[:-1]{kept},), dtype=x0.dtype, device=x0.device)"


def _flags(schedule: Schedule) -> list[str]:
    flags = [str(schedule["level"]), "-march=native", "-fno-math-errno", "-fno-trapping-math"]
    if schedule["vectors"] == "none":
        return [*flags, "-fno-tree-vectorize"]
    x86 = platform.machine() == "x86_64"
    return [*flags, f"-mprefer-vector-width={schedule['vectors']}"] if x86 else flags


def _name(leaf: Leaf) -> str:
    return {"input": "x", "weight": "w", "scalar": "s"}[leaf.kind] + str(leaf.index)


def _signature(formula: Formula, sizes: str) -> str:
    pointers = [f"const float *restrict X{n}" for n in range(len(formula.inputs))]
    pointers += [f"const float *restrict w{n}" for n in range(len(formula.weights))]
    pointers.append("float *restrict Y")
    scalars = [f"float s{n}" for n in range(len(formula.scalars))]
    return f"void run({', '.join([*pointers, *scalars])}, {sizes}, int threads)"


def _writer(formula: Formula) -> Writer:
    """It knows the operands, as a loop over columns `j` finds them."""
    writer = Writer(C, "const float {0} = {1};", "{0!r}f")
    for kind, names, text in (
        ("input", formula.inputs, "x{}[j]"),
        ("weight", formula.weights, "w{}[j]"),
        ("scalar", formula.scalars, "s{}"),
    ):
        for n in range(len(names)):
            writer.known[Leaf(kind, n)] = text.format(n)
    return writer


def _pragmas(schedule: Schedule, reduction: str = "") -> str:
    simd = schedule["vectors"] != "none"
    lines = [f"#pragma omp simd {reduction}".rstrip()] if simd else []
    if not simd and schedule.get("unroll", 1) != 1:
        lines.append(f"#pragma GCC unroll {schedule['unroll']}")
    return "".join(line + "\n" for line in lines)


# -- programs over rows --------------------------------------------------------------------------


def _rows(formula: Formula, schedule: Schedule) -> str:
    writer = _writer(formula)
    passes = []
    kept = _worth_keeping(formula) if schedule["kept"] == "yes" else None
    reductions = [node for node in nodes(formula.root) if isinstance(node, Reduce)]
    for number, reduction in enumerate(reductions):
        keep = kept if kept and reduction is reductions[-1] else None
        passes.append(_reduction(writer, reduction, f"r{number}", schedule, keep))
        writer.known[reduction] = f"r{number}[i]" if schedule["order"] == "passes" else f"r{number}"
    if kept:
        writer.known[kept] = "y[j]"
    passes.append(_last(writer, formula, schedule))
    head = "".join(f"const float *x{n} = X{n} + i * columns; " for n in range(len(formula.inputs)))
    wide = "float *y = Y + i * columns;" if by_column(formula.root) else "float *y = Y + i;"
    return _signature(formula, "long rows, long columns") + _ordered(
        passes, f"{head}{wide}", len(reductions), schedule
    )


def _ordered(passes: list[str], head: str, reductions: int, schedule: Schedule) -> str:
    parallel = "#pragma omp parallel for num_threads(threads)\n"
    parallel = parallel if schedule["threads"] == "all" else ""
    loop = parallel + "for (long i = 0; i < rows; i++) {\n" + head + "\n"
    if schedule["order"] == "rows":
        scalars = "".join(f"float r{n};\n" for n in range(reductions))
        return " {\n" + loop + scalars + "".join(passes) + "}\n}\n"
    arrays = "".join(f"float *r{n} = malloc(rows * sizeof(float));\n" for n in range(reductions))
    freed = "".join(f"free(r{n});\n" for n in range(reductions))
    return " {\n" + arrays + "".join(loop + one + "}\n" for one in passes) + freed + "}\n"


def _reduction(
    writer: Writer, node: Reduce, name: str, schedule: Schedule, keep: Expression | None
) -> str:
    body = writer.inside()
    value = body.write(node.argument)
    stored = f"y[j] = {body.write(keep)};\n" if keep else ""
    largest = node.operation == "max"
    kind = "float" if largest else schedule["accumulator"]
    start = "-INFINITY" if largest else "0"
    step = f"a = {value} > a ? {value} : a;" if largest else f"a += {value};"
    lines = "".join(line + "\n" for line in body.lines)
    target = name + ("[i]" if schedule["order"] == "passes" else "")
    result = "a / columns" if node.operation == "mean" else "a"
    pragmas = _pragmas(schedule, f"reduction({'max' if largest else '+'} : a)")
    return (
        f"{{ {kind} a = {start};\n{pragmas}for (long j = 0; j < columns; j++) {{\n"
        f"{lines}{stored}{step}\n}}\n{target} = (float)({result}); }}\n"
    )


def _last(writer: Writer, formula: Formula, schedule: Schedule) -> str:
    if not by_column(formula.root):
        body = writer.inside()
        value = body.write(formula.root)
        return "".join(line + "\n" for line in body.lines) + f"*y = {value};\n"
    text, scratch = "", 0
    for step in _stops(formula, writer) if schedule["fused"] == "no" else ():
        body = writer.inside()
        value = body.write(step)
        lines = "".join(line + "\n" for line in body.lines)
        text += f"float *t{scratch} = malloc(columns * sizeof(float));\n"
        text += f"for (long j = 0; j < columns; j++) {{\n{lines}t{scratch}[j] = {value};\n}}\n"
        writer.known[step] = f"t{scratch}[j]"
        scratch += 1
    body = writer.inside()
    value = body.write(formula.root)
    lines = "".join(line + "\n" for line in body.lines)
    text += f"{_pragmas(schedule)}for (long j = 0; j < columns; j++) {{\n{lines}y[j] = {value};\n}}"
    return text + "\n" + "".join(f"free(t{n});\n" for n in range(scratch))


def _stops(formula: Formula, writer: Writer) -> list[Expression]:
    """Named intermediates of the result itself: those that no reduction hides."""
    seen: list[Expression] = []

    def walk(node: Expression) -> None:
        if node in writer.known or isinstance(node, Reduce) or node in seen:
            return
        if isinstance(node, Apply):
            for argument in node.arguments:
                walk(argument)
            seen.append(node)

    walk(formula.root)
    return [n for n in seen if n in formula.steps and n != formula.root and by_column(n)]


def _worth_keeping(formula: Formula) -> Expression | None:
    """What the last reduction computes for each column and the result needs again."""
    reductions = [node for node in nodes(formula.root) if isinstance(node, Reduce)]
    if not reductions or not by_column(formula.root):
        return None
    inside = [n for n in nodes(reductions[-1].argument) if isinstance(n, Apply) and by_column(n)]
    outside = set(_stops_of_result(formula.root))
    shared = [node for node in inside if node in outside]
    return shared[-1] if shared else None


def _stops_of_result(node: Expression) -> list[Expression]:
    if isinstance(node, Apply):
        return [node, *(each for child in node.arguments for each in _stops_of_result(child))]
    return []


# -- one matrix product and what follows it ------------------------------------------------------


def _product(formula: Formula, schedule: Schedule, product: Product) -> str:
    left, right = (_name(leaf).replace("x", "X") for leaf in (product.left, product.right))
    writer = _writer(formula)
    body = writer.inside()
    body.known[product] = "c[j]"
    value = body.write(formula.root)
    lines = "".join(line + "\n" for line in body.lines)
    epilogue = f"for (long j = j0; j < j1; j++) {{\n{lines}c[j] = {value};\n}}\n"
    parallel = "#pragma omp parallel for num_threads(threads)\n"
    parallel = parallel if schedule["threads"] == "all" else ""
    step = int(schedule["rows"])
    inner = _ijk if schedule["order"] == "ijk" else _ikj
    fused = schedule["fused"] == "yes"
    tile_k, tile_n = schedule["tile_k"] or "inner", schedule["tile_n"] or "columns"
    each = "for (long i = i0; i < i1; i++) { float *c = Y + i * columns;\n" + epilogue + "}\n"
    whole = parallel + (
        "for (long i = 0; i < rows; i++) { float *c = Y + i * columns;\n"
        "long j0 = 0, j1 = columns;\n" + epilogue + "}\n"
    )
    return (
        _signature(formula, "long rows, long inner, long columns")
        + f" {{\n{parallel}for (long i0 = 0; i0 < rows; i0 += {step}) {{\n"
        f"long i1 = i0 + {step} < rows ? i0 + {step} : rows;\n"
        f"for (long j0 = 0; j0 < columns; j0 += {tile_n}) {{\n"
        f"long j1 = j0 + {tile_n} < columns ? j0 + {tile_n} : columns;\n"
        "for (long i = i0; i < i1; i++) for (long j = j0; j < j1; j++) Y[i * columns + j] = 0;\n"
        f"for (long k0 = 0; k0 < inner; k0 += {tile_k}) {{\n"
        f"long k1 = k0 + {tile_k} < inner ? k0 + {tile_k} : inner;\n"
        + inner(left, right, schedule)
        + "}\n"
        + (each if fused else "")
        + "}\n}\n"
        + ("" if fused else whole)
        + "}\n"
    )


def _ijk(left: str, right: str, schedule: Schedule) -> str:
    return (
        "for (long i = i0; i < i1; i++) for (long j = j0; j < j1; j++) {\nfloat a = 0;\n"
        f"{_pragmas(schedule, 'reduction(+ : a)')}"
        f"for (long k = k0; k < k1; k++) a += {left}[i * inner + k] * {right}[k * columns + j];\n"
        "Y[i * columns + j] += a;\n}\n"
    )


def _ikj(left: str, right: str, schedule: Schedule) -> str:
    """Rows of the output in step, so that a row of the right matrix is loaded once for all."""
    return (
        "for (long k = k0; k < k1; k++) for (long i = i0; i < i1; i++) {\n"
        f"const float a = {left}[i * inner + k];\n"
        f"{_pragmas(schedule)}"
        f"for (long j = j0; j < j1; j++) Y[i * columns + j] += a * {right}[k * columns + j];\n}}\n"
    )
