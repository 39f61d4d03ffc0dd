"""C for a formula and a schedule, in a Python file that compiles it and calls it by ctypes."""

import platform

from integrity.search.c_parts import name_of
from integrity.search.c_product import product_source
from integrity.search.c_rows import rows_source
from integrity.search.formula import Formula, Product, Reduce, by_column, nodes
from integrity.search.schedules import Schedule
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
        text = product_source(formula, schedule, product)
        sizes = ["rows", "inner", "columns"]
        prepare = _MATRICES.format(contiguous=contiguous, right=name_of(product.right))
    else:
        text = rows_source(formula, schedule)
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
