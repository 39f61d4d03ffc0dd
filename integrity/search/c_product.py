"""C for one matrix product and what follows it."""

from integrity.search.c_parts import name_of, pragmas, signature_of, writer_of
from integrity.search.formula import Formula, Product
from integrity.search.schedules import Schedule


def product_source(formula: Formula, schedule: Schedule, product: Product) -> str:
    """The function `run`."""
    left, right = (name_of(leaf).replace("x", "X") for leaf in (product.left, product.right))
    writer = writer_of(formula)
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
        signature_of(formula, "long rows, long inner, long columns")
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
        f"{pragmas(schedule, 'reduction(+ : a)')}"
        f"for (long k = k0; k < k1; k++) a += {left}[i * inner + k] * {right}[k * columns + j];\n"
        "Y[i * columns + j] += a;\n}\n"
    )


def _ikj(left: str, right: str, schedule: Schedule) -> str:
    """Rows of the output in step, so that a row of the right matrix is loaded once for all."""
    return (
        "for (long k = k0; k < k1; k++) for (long i = i0; i < i1; i++) {\n"
        f"const float a = {left}[i * inner + k];\n"
        f"{pragmas(schedule)}"
        f"for (long j = j0; j < j1; j++) Y[i * columns + j] += a * {right}[k * columns + j];\n}}\n"
    )
