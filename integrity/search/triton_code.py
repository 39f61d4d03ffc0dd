"""Triton for a formula and a schedule."""

from integrity.search.c_code import output_of
from integrity.search.formula import (
    Expression,
    Formula,
    Leaf,
    Product,
    Reduce,
    by_column,
    nodes,
)
from integrity.search.schedules import Schedule
from integrity.search.spelling import TRITON, Writer
from integrity.search.wrapping import wrapped

_A_THREAD = 128
"""Elements that a thread may hold: beyond that compiling takes minutes, and spills."""

_MOST_WARPS = 16

_HEAD = """\
import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
"""

_ROWS = """\
def run({arguments}):
    columns = x0.shape[-1]
    rows = x0.numel() // columns
    {contiguous}
    y = {output}
    whole = triton.next_power_of_2(columns)
    block = {block}
    warps = max({warps}, min({most}, {rows} * block // {a_warp}))
    _rows[({grid})](
        {given}, y, rows, columns,
        ROWS={rows}, BLOCK=block, num_warps=warps, num_stages={stages},
    )
    return y


"""
_PRODUCT = """\
def run({arguments}):
    {contiguous}
    rows, inner = x0.shape
    columns = {right}.shape[1]
    y = torch.empty((rows, columns), dtype=x0.dtype, device=x0.device)
    grid = (triton.cdiv(rows, {m}) * triton.cdiv(columns, {n}),)
    _product[grid](
        {given}, y, rows, inner, columns,
        M={m}, N={n}, K={k}, GROUP={group}, num_warps={warps}, num_stages={stages},
    )
{after}    return y


"""
_PRODUCT_KERNEL = """\
def _product({pointers}, y, rows, inner, columns,
             M: tl.constexpr, N: tl.constexpr, K: tl.constexpr, GROUP: tl.constexpr):
    down, across = tl.cdiv(rows, M), tl.cdiv(columns, N)
    program = tl.program_id(0)
    first = program // (GROUP * across) * GROUP
    height = min(down - first, GROUP)
    i = (first + program % (GROUP * across) % height).to(tl.int64) * M + tl.arange(0, M)
    j = (program % (GROUP * across) // height).to(tl.int64) * N + tl.arange(0, N)
    sums = tl.zeros((M, N), dtype=tl.float32)
    for start in range(0, inner, K):
        k = start + tl.arange(0, K)
        a = tl.load({left} + i[:, None] * inner + k[None, :],
                    mask=(i[:, None] < rows) & (k[None, :] < inner), other=0.0)
        b = tl.load({right} + k[:, None] * columns + j[None, :],
                    mask=(k[:, None] < inner) & (j[None, :] < columns), other=0.0)
        sums = tl.dot(a, b, sums, input_precision="ieee")
    inside = (i[:, None] < rows) & (j[None, :] < columns)
    at = i[:, None] * columns + j[None, :]
"""
_AFTER_KERNEL = """\
@triton.jit
def _after({pointers}, y, rows, columns, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    at, inside = i * columns + j, j < columns
    sums = tl.load(y + at, mask=inside)
"""


def triton_kernel(formula: Formula, schedule: Schedule, entry: str) -> str:
    """The file; `entry` is the name that the harness calls."""
    products = [node for node in nodes(formula.root) if isinstance(node, Product)]
    text = _product(formula, schedule, products[0]) if products else _rows(formula, schedule)
    return _HEAD + text + wrapped(formula, entry)


def _operands(formula: Formula) -> tuple[list[str], list[str]]:
    """Names of the tensors and of the numbers that a kernel is given."""
    tensors = [f"x{n}" for n in range(len(formula.inputs))]
    tensors += [f"w{n}" for n in range(len(formula.weights))]
    return tensors, [f"s{n}" for n in range(len(formula.scalars))]


def _writer(formula: Formula) -> Writer:
    writer = Writer(TRITON, "{0} = {1}", "{0!r}")
    for n in range(len(formula.scalars)):
        writer.known[Leaf("scalar", n)] = f"s{n}"
    return writer


# -- programs over rows --------------------------------------------------------------------------


def _rows(formula: Formula, schedule: Schedule) -> str:
    tensors, scalars = _operands(formula)
    reductions = [node for node in nodes(formula.root) if isinstance(node, Reduce)]
    looped = schedule["layout"] == "loop"
    spread = looped and not reductions  # nothing ties the blocks of a row together
    names = [*tensors, *scalars]
    text = (
        f"def _rows({', '.join(names)}, y, rows, columns, "
        "ROWS: tl.constexpr, BLOCK: tl.constexpr):\n"
        "    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]\n"
    )
    writer = _writer(formula)
    if looped and not spread:
        text += _passes(formula, schedule, writer, reductions)
    else:
        at = "tl.program_id(1) * BLOCK" if spread else "0"
        text += _whole(formula, schedule, writer, reductions, at)
    block = f"min(whole, {schedule['block']})" if looped else "whole"
    across = ", triton.cdiv(columns, block)" if spread else ","
    return (
        text
        + "\n\n"
        + _ROWS.format(
            arguments=", ".join(names),
            contiguous="; ".join(f"{name} = {name}.contiguous()" for name in tensors),
            output=output_of(formula),
            block=block,
            grid=f"triton.cdiv(rows, {schedule['rows']}){across}",
            given=", ".join(names),
            rows=schedule["rows"],
            warps=schedule["num_warps"],
            most=_MOST_WARPS,
            a_warp=32 * _A_THREAD,
            stages=schedule["num_stages"],
        )
    )


def _loads(formula: Formula, schedule: Schedule, writer: Writer, start: str) -> None:
    """One block of columns of everything, and where it lies."""
    evict = f', eviction_policy="{schedule["eviction"]}"' if schedule["eviction"] else ""
    writer.lines += [
        f"place = {start} + tl.arange(0, BLOCK)[None, :]",
        "inside = (row < rows) & (place < columns)",
        "at = row * columns + place",
    ]
    for n in range(len(formula.inputs)):
        writer.lines.append(f"a{n} = tl.load(x{n} + at, mask=inside, other=0.0{evict})")
        writer.known[Leaf("input", n)] = f"a{n}"
    for n in range(len(formula.weights)):
        writer.lines.append(f"b{n} = tl.load(w{n} + place, mask=place < columns, other=0.0)")
        writer.known[Leaf("weight", n)] = f"b{n}"


def _outside(node: Reduce, value: str, kind: str) -> str:
    """The operand of a reduction, with what lies beyond the row left out."""
    neutral = "-float('inf')" if node.operation == "max" else "0.0"
    cast = "" if node.operation == "max" else f".to(tl.{kind})"
    return f"tl.where(inside, {value}, {neutral}){cast}"


def _whole(
    formula: Formula, schedule: Schedule, writer: Writer, reductions: list[Reduce], start: str
) -> str:
    """Everything in registers: each operand is loaded once."""
    _loads(formula, schedule, writer, start)
    for number, node in enumerate(reductions):
        value = _outside(node, writer.write(node.argument), str(schedule["accumulator"]))
        reduce = "tl.max" if node.operation == "max" else "tl.sum"
        mean = " / columns" if node.operation == "mean" else ""
        writer.lines.append(
            f"r{number} = ({reduce}({value}, axis=1, keep_dims=True){mean}).to(tl.float32)"
        )
        writer.known[node] = f"r{number}"
    _store(formula, schedule, writer)
    return "".join(f"    {line}\n" for line in writer.lines)


def _passes(formula: Formula, schedule: Schedule, writer: Writer, reductions: list[Reduce]) -> str:
    """One loop over the row for each reduction, and one for the result."""
    text = ""
    for number, node in enumerate(reductions):
        body = writer.inside()
        _loads(formula, schedule, body, "start")
        largest = node.operation == "max"
        kind = "float32" if largest else str(schedule["accumulator"])
        value = _outside(node, body.write(node.argument), kind)
        start = "-float('inf')" if largest else "0.0"
        step = f"tl.maximum(sums, {value})" if largest else f"sums + {value}"
        reduce = "tl.max" if largest else "tl.sum"
        mean = " / columns" if node.operation == "mean" else ""
        text += (
            f"    sums = tl.full((ROWS, BLOCK), {start}, dtype=tl.{kind})\n"
            + _loop([*body.lines, f"sums = {step}"])
            + f"    r{number} = ({reduce}(sums, axis=1, keep_dims=True){mean}).to(tl.float32)\n"
        )
        writer.known[node] = f"r{number}"
    if by_column(formula.root):
        body = writer.inside()
        _loads(formula, schedule, body, "start")
        _store(formula, schedule, body)
        return text + _loop(body.lines)
    _store(formula, schedule, writer)
    return text + "".join(f"    {line}\n" for line in writer.lines)


def _loop(lines: list[str]) -> str:
    return "    for start in range(0, columns, BLOCK):\n" + "".join(
        f"        {line}\n" for line in lines
    )


def _store(formula: Formula, schedule: Schedule, writer: Writer) -> None:
    """The result; an unfused one goes through memory at each named step."""
    evict = f', eviction_policy="{schedule["eviction"]}"' if schedule["eviction"] else ""
    if not by_column(formula.root):
        value = writer.write(formula.root)
        writer.lines.append(f"tl.store(y + row, {value}, mask=row < rows{evict})")
        return
    for step in _stops(formula, writer) if schedule["fused"] == "no" else ():
        value = writer.write(step)
        writer.lines.append(f"tl.store(y + at, {value}, mask=inside)")
        writer.lines.append(f"{value} = tl.load(y + at, mask=inside, other=0.0)")
    value = writer.write(formula.root)
    writer.lines.append(f"tl.store(y + at, {value}, mask=inside{evict})")


def _stops(formula: Formula, writer: Writer) -> list[Expression]:
    return [
        step
        for step in formula.steps
        if step != formula.root and by_column(step) and step not in writer.known
    ]


# -- one matrix product and what follows it ------------------------------------------------------


def _product(formula: Formula, schedule: Schedule, product: Product) -> str:
    tensors, scalars = _operands(formula)
    names = [*tensors, *scalars]
    pointers = ", ".join(names)
    sides = [f"{'x' if leaf.kind == 'input' else 'w'}{leaf.index}"
             for leaf in (product.left, product.right)]  # fmt: skip
    text = _PRODUCT_KERNEL.format(pointers=pointers, left=sides[0], right=sides[1])
    used = {leaf for leaf in nodes(formula.root) if isinstance(leaf, Leaf)}
    used -= {product.left, product.right}
    fused = schedule["fused"] == "yes"
    after = ""
    m, n = int(schedule["tile_m"]), int(schedule["tile_n"])
    warps = max(int(schedule["num_warps"]), m * n // (32 * _A_THREAD))
    if fused:
        text += _epilogue(formula, product, used, "[None, :]")
    else:
        text += "    tl.store(y + at, sums, mask=inside)\n"
        after = (
            f"    _after[(rows, triton.cdiv(columns, 1024))]({pointers}, y, rows, columns, "
            "BLOCK=1024)\n"
        )
    text += "\n\n"
    if not fused:
        text += _AFTER_KERNEL.format(pointers=pointers) + _epilogue(formula, product, used, "")
        text += "\n\n"
    return text + _PRODUCT.format(
        arguments=pointers,
        contiguous="; ".join(f"{name} = {name}.contiguous()" for name in tensors),
        right=sides[1], given=pointers, after=after,
        m=m, n=n, k=schedule["tile_k"], group=schedule["group"], warps=warps,
        stages=schedule["num_stages"],
    )  # fmt: skip


def _epilogue(formula: Formula, product: Product, used: set[Leaf], spread: str) -> str:
    """What the formula does to the product; its other operands lie as the output does."""
    writer = _writer(formula)
    writer.known[product] = "sums"
    for leaf in sorted(used, key=str):
        if leaf.kind == "weight":
            place = f"w{leaf.index} + j{spread}"
            mask = f"j{spread} < columns"
        elif leaf.kind == "input":
            place, mask = f"x{leaf.index} + at", "inside"
        else:
            continue
        name = f"{leaf.kind[0]}{leaf.index}"
        writer.lines.append(f"{name} = tl.load({place}, mask={mask}, other=0.0)")
        writer.known[leaf] = name
    value = writer.write(formula.root)
    writer.lines.append(f"tl.store(y + at, {value}, mask=inside)")
    return "".join(f"    {line}\n" for line in writer.lines)
