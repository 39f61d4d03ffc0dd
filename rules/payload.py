"""Code that a submission carries as text and runs: parsed, and put where it would run.

`exec(base64.b64decode("..."))` hides from a reader, not from the machine that runs it. Where
the text can be folded, its statements follow the call that runs them, so every rule sees them
among the names they use. Their spans are that call's.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integrity.rules.source import Source

RUNS = {
    "builtins.exec",
    "builtins.eval",
    "builtins.compile",
    "code.InteractiveInterpreter().runsource",
    "timeit.timeit",
}
UNREAD = {"marshal.loads", "pickle.loads", "types.FunctionType", "types.CodeType"}
WRITES = {"write", "write_text", "write_bytes", "writelines"}
MAX_PAYLOADS = 32
MAX_CHARACTERS = 200_000
MAX_ROUNDS = 4
"""Payloads inside payloads that are followed."""


NATIVE = {"exec", "eval", "eval_file", "PyRun_SimpleString", "PyRun_String"}
"""What runs Python from C++: `py::exec`, and the C API."""


def unpacked(source: Source) -> bool:
    """Put every readable payload of a tree behind the call that runs it; whether any was."""
    return _unpack_python(source) | _unpack_native(source)


def _unpack_native(source: Source) -> bool:
    """Python that C++ runs joins the end of the module."""
    if hasattr(source.tree, "unpacked"):
        return False
    source.tree.unpacked = True  # type: ignore[attr-defined]
    before = len(source.tree.body)
    for call in source.device.calls_to(NATIVE)[:MAX_PAYLOADS]:
        place = ast.Constant(None)
        place.lineno, place.col_offset = call.span.line, call.span.column - 1
        place.end_lineno, place.end_col_offset = call.span.end_line, call.span.end_column - 1
        source.tree.body += _parsed(_literal(call.arguments), place)
    return len(source.tree.body) > before


def _literal(arguments: str) -> str:
    """The first string literal in C++ arguments: raw, or with the usual escapes."""
    raw, _, rest = arguments.partition('R"')
    if rest and '"' not in raw:
        mark, _, body = rest.partition("(")
        return body.partition(f'){mark}"')[0]
    _, _, rest = arguments.partition('"')
    text, _, _ = rest.replace('\\"', "\0").partition('"')
    return text.replace("\0", '"').replace("\\n", "\n").replace("\\t", "\t")


def _unpack_python(source: Source) -> bool:
    read = [(call, text, _parsed(text, call)) for call, text in _payloads(source)]
    found = [(call, text, nodes) for call, text, nodes in read if nodes]
    for call, text, nodes in found:
        source.python_texts.add(text)
        _graft(source, call, nodes)
    return bool(found)


def namespace_of(call: ast.Call) -> list[str]:
    """The names of the dicts or modules that a followed payload runs in."""
    if not hasattr(call, "unpacked"):
        return []
    given = [arg.value if isinstance(arg, ast.Attribute) else arg for arg in call.args[1:3]]
    return [arg.id for arg in given if isinstance(arg, ast.Name)]


def is_opaque(source: Source) -> bool:
    """Whether it runs code that could not be read, so that what is missing proves nothing."""
    return any(not hasattr(call.node, "unpacked") for call in source.calls_to(RUNS | UNREAD))


def _payloads(source: Source) -> Iterator[tuple[ast.Call, str]]:
    """Calls that run text, and the text."""
    for call in source.calls_to(RUNS)[:MAX_PAYLOADS]:
        if not hasattr(call.node, "unpacked") and call.node.args:
            yield from ((call.node, text) for text in _texts(source, call.node.args[0]))
    for call in source.calls[:]:
        if call.method in WRITES and call.node.args and not hasattr(call.node, "unpacked"):
            texts = _texts(source, call.node.args[0])
            yield from ((call.node, text) for text in texts if _is_module(text))


def _texts(source: Source, node: ast.expr) -> list[str]:
    texts = sorted(source.strings(node))[:4]
    return [text for text in texts if 0 < len(text) <= MAX_CHARACTERS]


def _is_module(text: str) -> bool:
    """Whether a file's text is Python rather than C++ or a note."""
    return "import " in text and "#include" not in text


def _parsed(text: str, call: ast.expr) -> list[ast.stmt]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    for node in ast.walk(tree):
        if isinstance(node, ast.expr | ast.stmt | ast.excepthandler | ast.arg | ast.keyword):
            node.lineno, node.col_offset = call.lineno, call.col_offset
            node.end_lineno, node.end_col_offset = call.end_lineno, call.end_col_offset
    return tree.body


def _graft(source: Source, call: ast.Call, nodes: list[ast.stmt]) -> None:
    call.unpacked = True  # type: ignore[attr-defined]
    statement, block = enclosing(source, call)
    only = nodes[0]
    if len(nodes) == 1 and isinstance(only, ast.Expr) and statement is not None:
        beside(source, call, [only.value])
    elif block is not None and statement is not None:
        at = next(index for index, item in enumerate(block) if item is statement)
        block[at + 1 : at + 1] = nodes


def beside(source: Source, call: ast.Call, values: list[ast.expr]) -> None:
    """Let expressions stand for a call's result too, and keep the call."""
    either: ast.expr = call
    for value in values:
        either = ast.copy_location(ast.IfExp(ast.Constant(True), value, either), call)
        ast.copy_location(either.test, call)
    around = source.parent(call)
    for name in around._fields if around is not None else ():
        held = getattr(around, name)
        if held is call:
            setattr(around, name, either)
        elif isinstance(held, list):
            held[:] = [either if item is call else item for item in held]


def enclosing(source: Source, call: ast.Call) -> tuple[ast.stmt | None, list[ast.stmt] | None]:
    """The statement a call stands in, and the block that holds the statement."""
    node: ast.AST = call
    while (around := source.parent(node)) is not None:
        for name in ("body", "orelse", "finalbody"):
            block = getattr(around, name, None)
            if isinstance(block, list) and any(item is node for item in block):
                return (node, block) if isinstance(node, ast.stmt) else (None, None)
        node = around
    return None, None
