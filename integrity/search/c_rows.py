"""C for a program over rows: reductions, and what is computed for each column."""

from integrity.search.c_parts import pragmas, signature_of, writer_of
from integrity.search.formula import Apply, Expression, Formula, Reduce, by_column, nodes
from integrity.search.schedules import Schedule
from integrity.search.spelling import Writer


def rows_source(formula: Formula, schedule: Schedule) -> str:
    """The function `run`."""
    writer = writer_of(formula)
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
    return signature_of(formula, "long rows, long columns") + _ordered(
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
    before = pragmas(schedule, f"reduction({'max' if largest else '+'} : a)")
    return (
        f"{{ {kind} a = {start};\n{before}for (long j = 0; j < columns; j++) {{\n"
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
    text += f"{pragmas(schedule)}for (long j = 0; j < columns; j++) {{\n{lines}y[j] = {value};\n}}"
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
