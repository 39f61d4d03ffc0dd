"""Constant folding of strings: what `"elapsed" + "_time"` spells."""

from __future__ import annotations

import ast
import base64
import binascii
import codecs
from collections.abc import Callable, Iterable
from itertools import product

Strings = frozenset[str]
NOTHING: Strings = frozenset()
MAX_SPELLINGS = 16
MAX_CHARACTERS = 200_000
"""Longest text that is assembled; a literal may be longer."""

MAX_PARTS = 10_000
"""Longest `+` chain or list that is folded; longer ones are nobody's attribute name."""

PLAIN_METHODS: dict[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "strip": str.strip,
    "title": str.title,
    "decode": lambda text: text,
    "encode": lambda text: text,
}

Resolve = Callable[[ast.expr], Strings]


def fold(node: ast.expr, inner: Resolve, called: Strings) -> Strings:
    """The strings an expression may spell; `inner` folds its parts, `called` names its callee."""
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return joined("", [inner(part) for part in spine(node)])
    if isinstance(node, ast.JoinedStr):
        return joined("", [inner(part) for part in node.values])
    if isinstance(node, ast.FormattedValue):
        return inner(node.value)
    if isinstance(node, ast.Subscript):
        return _reversed(node, inner)
    if isinstance(node, ast.IfExp):
        return inner(node.body) | inner(node.orelse)
    if isinstance(node, ast.Call):
        return _call(node, inner, called)
    return NOTHING


def spine(node: ast.expr) -> list[ast.expr]:
    """Operands of a chain of `+`, left to right, however long."""
    parts: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts.append(node.right)
        node = node.left
    return [node, *reversed(parts)]


def joined(separator: str, parts: list[Strings]) -> Strings:
    """Every way to join one spelling of each part."""
    if not all(parts) or len(parts) > MAX_PARTS:
        return NOTHING
    if sum(max(map(len, part)) for part in parts) > MAX_CHARACTERS:
        return NOTHING
    if all(len(part) == 1 for part in parts):
        return bounded([separator.join(next(iter(part)) for part in parts)])
    ways = 1
    for part in parts:
        ways *= len(part)
        if ways > MAX_SPELLINGS:
            return NOTHING
    return bounded(separator.join(choice) for choice in product(*parts))


def bounded(texts: Iterable[str]) -> Strings:
    return frozenset(text for text in texts if len(text) <= MAX_CHARACTERS)


def integers(node: ast.expr) -> list[int]:
    """The integers in a literal list, tuple or bytes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
        return list(node.value)
    if isinstance(node, ast.List | ast.Tuple):
        values = [item.value for item in node.elts if isinstance(item, ast.Constant)]
        numbers = [value for value in values if isinstance(value, int)]
        return numbers if len(numbers) == len(node.elts) else []
    return []


def _constant(value: object) -> Strings:
    if isinstance(value, str):
        return frozenset({value})
    if isinstance(value, bytes):
        return bounded([value.decode("latin-1")])
    return NOTHING


def _reversed(node: ast.Subscript, inner: Resolve) -> Strings:
    cut = node.slice
    if isinstance(cut, ast.Slice) and cut.lower is None and cut.upper is None:
        step = cut.step
        if isinstance(step, ast.UnaryOp) and isinstance(step.op, ast.USub):
            return bounded(text[::-1] for text in inner(node.value))
    return NOTHING


def _call(node: ast.Call, inner: Resolve, called: Strings) -> Strings:
    arguments = node.args
    if isinstance(node.func, ast.Attribute):
        method = node.func.attr
        if method == "join" and len(arguments) == 1:
            return _join(node.func.value, arguments[0], inner)
        if method == "replace" and len(arguments) == 2:
            return _replace(inner(node.func.value), *(inner(argument) for argument in arguments))
        if method in PLAIN_METHODS and (texts := inner(node.func.value)):
            return bounded(PLAIN_METHODS[method](text) for text in texts)
    if len(arguments) >= 1:
        return _decoded(arguments[0], inner, called)
    return NOTHING


def _join(separator: ast.expr, parts: ast.expr, inner: Resolve) -> Strings:
    between = inner(separator)
    if len(between) != 1:
        return NOTHING
    if isinstance(parts, ast.List | ast.Tuple):
        return joined(next(iter(between)), [inner(part) for part in parts.elts])
    if numbers := _characters(parts):
        return bounded([next(iter(between)).join(map(chr, numbers))])
    if texts := inner(parts):
        return bounded(next(iter(between)).join(text) for text in texts)
    return NOTHING


def _characters(node: ast.expr) -> list[int]:
    """Code points in `map(chr, [...])` or `[chr(c) for c in [...]]`."""
    if isinstance(node, ast.Call) and len(node.args) == 2:
        function, numbers = node.args
    elif isinstance(node, ast.ListComp | ast.GeneratorExp) and isinstance(node.elt, ast.Call):
        function, numbers = node.elt.func, node.generators[0].iter
        if not (node.elt.args and isinstance(node.elt.args[0], ast.Name)):
            return []  # arithmetic on the codes is for `constants.py`
    else:
        return []
    is_chr = isinstance(function, ast.Name) and function.id == "chr"
    return [n for n in integers(numbers) if 0 <= n < 0x110000] if is_chr else []


def _replace(texts: Strings, old: Strings, new: Strings) -> Strings:
    if len(old) != 1 or len(new) != 1:
        return NOTHING
    before, after = next(iter(old)), next(iter(new))
    # every character may be replaced: the product bounds what could be built
    short = [text for text in texts if (len(text) + 1) * (len(after) + 1) <= MAX_CHARACTERS]
    return bounded(text.replace(before, after) for text in short)


def _decoded(argument: ast.expr, inner: Resolve, called: Strings) -> Strings:
    if called & {"builtins.chr"}:
        numbers = integers(ast.List([argument]))
        return bounded(chr(n) for n in numbers if 0 <= n < 0x110000)
    if called & {"builtins.bytes", "builtins.bytearray"}:
        numbers = integers(argument)
        return bounded([bytes(n & 255 for n in numbers).decode("latin-1")] if numbers else [])
    if called & {"builtins.str", "sys.intern"}:
        return inner(argument)
    decode = next((DECODERS[name] for name in called if name in DECODERS), None)
    if decode is None:
        return NOTHING
    found = (_attempt(decode, text) for text in inner(argument))
    return bounded(text for text in found if text is not None)


def _attempt(decode: Callable[[str], str], text: str) -> str | None:
    try:
        return decode(text)
    except (ValueError, binascii.Error):
        return None


DECODERS: dict[str, Callable[[str], str]] = {
    "base64.b64decode": lambda text: base64.b64decode(text).decode("latin-1"),
    "base64.urlsafe_b64decode": lambda text: base64.urlsafe_b64decode(text).decode("latin-1"),
    "base64.b32decode": lambda text: base64.b32decode(text).decode("latin-1"),
    "base64.b16decode": lambda text: base64.b16decode(text).decode("latin-1"),
    "base64.b85decode": lambda text: base64.b85decode(text).decode("latin-1"),
    "binascii.unhexlify": lambda text: binascii.unhexlify(text).decode("latin-1"),
    "builtins.bytes.fromhex": lambda text: bytes.fromhex(text).decode("latin-1"),
    "codecs.decode": lambda text: codecs.encode(text, "rot13"),
}
