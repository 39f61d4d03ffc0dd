"""Pure operations on literals that `constants.py` may carry out, each with its bound."""

from __future__ import annotations

import ast
import base64
import binascii
import bz2
import codecs
import inspect
import operator
import textwrap
import zlib
from collections.abc import Callable, Iterable
from typing import Any

MAX_STEPS = 20_000
MAX_LENGTH = 200_000
"""Longest text, bytes or list that is built."""

MAX_BITS = 512
ENCODINGS = {"ascii", "latin-1", "latin1", "utf-8", "utf8", "utf-16", "utf-32", "iso-8859-1"}
TRANSFORMS = {"rot13", "rot_13", "hex", "hex_codec", "base64", "base64_codec"}
Scalar = (str, bytes, bytearray, int, float, bool, type(None))


class Unknown(Exception):
    """The expression depends on something that is not literal, or is too large."""


def bounded(value: Any) -> Any:
    """The value, its iterators as lists. Raises Unknown where it is too large."""
    if isinstance(value, tuple | set | reversed | zip | filter | enumerate):
        value = list(value)
    if isinstance(value, str | bytes | bytearray | list | dict) and len(value) > MAX_LENGTH:
        raise Unknown
    if isinstance(value, int) and value.bit_length() > 4 * MAX_BITS:
        raise Unknown
    return value


def check_product(left: Any, right: Any) -> None:
    """Raises Unknown for a `*` that repeats a text too often."""
    for text, times in ((left, right), (right, left)):
        long = isinstance(text, str | bytes | list)
        if long and not (isinstance(times, int) and len(text) * max(times, 0) <= MAX_LENGTH):
            raise Unknown


def formatted(template: str | bytes, given: Any) -> Any:
    """`%`, where no width can blow the result up."""
    marks = template if isinstance(template, str) else template.decode("latin-1")
    if any(marks[at + 1 : at + 2] not in tuple("scdrx%") for at in _places(marks, "%")):
        raise Unknown
    return template % (tuple(given) if isinstance(given, list) else given)


def _places(text: str, mark: str) -> Iterable[int]:
    at = text.find(mark)
    while at >= 0:
        yield at
        at = text.find(mark, at + 2)


def format_plain(template: str, given: list[Any]) -> str:
    """`str.format`, with plain fields only: no attributes, no widths."""
    if ":" in template or "!" in template or "." in template.replace("{}", ""):
        inside = [part.split("}")[0] for part in template.split("{")[1:]]
        if any(not field.isdigit() and field for field in inside):
            raise Unknown
    if any(not isinstance(value, Scalar) for value in given):
        raise Unknown
    return template.format(*given)


def unpacked(target: ast.expr, value: Any) -> dict[str, Any]:
    """What assigning the value binds. Raises Unknown for targets other than names."""
    if isinstance(target, ast.Name):
        return {target.id: value}
    if isinstance(target, ast.Tuple) and isinstance(value, list):
        pairs = zip(target.elts, value, strict=True)
        return {name: v for part, item in pairs for name, v in unpacked(part, item).items()}
    raise Unknown


def known(encoding: object) -> str:
    """An encoding that takes linear time."""
    if encoding not in ENCODINGS:
        raise Unknown
    return str(encoding)


def _inflated(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(bytes(data), MAX_LENGTH)


def _gunzipped(data: bytes) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(bytes(data), MAX_LENGTH)


def _unbzipped(data: bytes) -> bytes:
    return bz2.BZ2Decompressor().decompress(bytes(data), MAX_LENGTH)


def _decoded(data: Any, encoding: str = "utf-8", *_: Any) -> Any:
    if encoding in {"zlib", "zip", "bz2", "zlib_codec", "bz2_codec"}:
        return (_unbzipped if "bz2" in encoding else _inflated)(data)
    if encoding not in ENCODINGS | TRANSFORMS:
        raise Unknown
    return codecs.decode(data, encoding)


def _rotated(text: str, encoding: str, *_: Any) -> Any:
    if encoding not in {"rot13", "rot_13"}:
        raise Unknown
    return codecs.encode(text, encoding)


def _xor(left: int, right: int) -> int:
    return left ^ right


def _string(value: Any = "", *encoding: Any) -> str:
    if encoding:
        return bytes(value).decode(known(encoding[0]))
    if not isinstance(value, Scalar):
        raise Unknown
    return str(value)


def _bytes(value: Any = b"", *encoding: Any) -> bytes:
    if isinstance(value, int):
        raise Unknown
    return value.encode(known(encoding[0])) if isinstance(value, str) else bytes(value)


def _range(*bounds: int) -> range:
    found = range(*bounds)
    if len(found) > MAX_STEPS:
        raise Unknown
    return found


def _int(value: Any, base: int = 10) -> int:
    return int(value) if not isinstance(value, str) else int(value[:100], base)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "builtins.chr": chr,
    "builtins.ord": ord,
    "builtins.int": _int,
    "builtins.len": len,
    "builtins.abs": abs,
    "builtins.hex": hex,
    "builtins.str": _string,
    "builtins.repr": lambda value: repr(_string(value)),
    "builtins.bytes": _bytes,
    "builtins.bytearray": _bytes,
    "builtins.reversed": lambda value: list(value)[::-1],
    "builtins.list": list,
    "builtins.tuple": list,
    "builtins.iter": list,
    "builtins.sorted": sorted,
    "builtins.range": _range,
    "builtins.zip": zip,
    "builtins.enumerate": enumerate,
    "builtins.bytes.fromhex": bytes.fromhex,
    "builtins.bytearray.fromhex": bytes.fromhex,
    "builtins.str.join": lambda separator, parts: separator.join(parts),
    "builtins.str.lower": str.lower,
    "sys.intern": str,
    "operator.add": operator.add,
    "operator.concat": operator.concat,
    "operator.xor": _xor,
    "base64.b64decode": base64.b64decode,
    "base64.standard_b64decode": base64.b64decode,
    "base64.urlsafe_b64decode": base64.urlsafe_b64decode,
    "base64.decodebytes": base64.decodebytes,
    "base64.b32decode": base64.b32decode,
    "base64.b16decode": base64.b16decode,
    "base64.b85decode": base64.b85decode,
    "base64.a85decode": base64.a85decode,
    "binascii.unhexlify": binascii.unhexlify,
    "binascii.a2b_base64": binascii.a2b_base64,
    "binascii.a2b_hex": binascii.a2b_hex,
    "zlib.decompress": _inflated,
    "gzip.decompress": _gunzipped,
    "bz2.decompress": _unbzipped,
    "codecs.decode": _decoded,
    "codecs.encode": _rotated,
    "textwrap.dedent": textwrap.dedent,
    "inspect.cleandoc": inspect.cleandoc,
}
METHODS = {
    "decode", "encode", "lower", "upper", "strip", "lstrip", "rstrip", "title", "swapcase",
    "split", "removeprefix", "removesuffix", "hex", "get", "keys", "values", "to_bytes",
    "capitalize", "partition", "splitlines", "tobytes", "casefold",
}  # fmt: skip
OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Mod: operator.mod,
    ast.BitXor: operator.xor,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.Gt: operator.gt,
    ast.LtE: operator.le,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
