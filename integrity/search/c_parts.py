"""Pieces that every C kernel has."""

from integrity.search.formula import Formula, Leaf
from integrity.search.schedules import Schedule
from integrity.search.spelling import C, Writer


def name_of(leaf: Leaf) -> str:
    """What C calls an operand: `x0`, `w1`, `s0`."""
    return {"input": "x", "weight": "w", "scalar": "s"}[leaf.kind] + str(leaf.index)


def signature_of(formula: Formula, sizes: str) -> str:
    """The head of `run`; `sizes` are its last parameters."""
    pointers = [f"const float *restrict X{n}" for n in range(len(formula.inputs))]
    pointers += [f"const float *restrict w{n}" for n in range(len(formula.weights))]
    pointers.append("float *restrict Y")
    scalars = [f"float s{n}" for n in range(len(formula.scalars))]
    return f"void run({', '.join([*pointers, *scalars])}, {sizes}, int threads)"


def writer_of(formula: Formula) -> Writer:
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


def pragmas(schedule: Schedule, reduction: str = "") -> str:
    """What is asked of the compiler before an inner loop."""
    simd = schedule["vectors"] != "none"
    lines = [f"#pragma omp simd {reduction}".rstrip()] if simd else []
    if not simd and schedule.get("unroll", 1) != 1:
        lines.append(f"#pragma GCC unroll {schedule['unroll']}")
    return "".join(line + "\n" for line in lines)
