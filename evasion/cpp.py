"""C, C++ and CUDA text: where it is code, and which strings of a Python file hold it."""

import re
from collections.abc import Callable, Iterator

SIGNS = (
    "#include",
    "__global__",
    'extern "C"',
    "torch::",
    "static ",
    "void ",
)
OTHER = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*',
    re.DOTALL | re.MULTILINE,
)
"""Comments, literals and preprocessor lines. The text is the corpus's own: it is trusted."""

IDENTIFIER = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[^\n]*\n", re.MULTILINE)


def is_native(text: str) -> bool:
    """Whether a string holds C, C++ or CUDA."""
    return "{" in text and ";" in text and "(" in text and any(sign in text for sign in SIGNS)


def segments(source: str) -> Iterator[tuple[bool, str]]:
    """The source in order: whether a piece is code, and the piece."""
    end = 0
    for match in OTHER.finditer(source):
        yield True, source[end : match.start()]
        yield False, match[0]
        end = match.end()
    yield True, source[end:]


def in_code(source: str, change: Callable[[str], str]) -> str:
    """The source with its code changed; comments, literals and `#` lines stay."""
    return "".join(change(piece) if code else piece for code, piece in segments(source))


def code_of(source: str) -> str:
    """The code alone, literals left out."""
    return " ".join(piece for code, piece in segments(source) if code)


def replaced(source: str, table: dict[str, str]) -> str:
    """The source with whole identifiers replaced in its code."""
    return in_code(source, lambda piece: IDENTIFIER.sub(lambda m: table.get(m[0], m[0]), piece))


def after_includes(source: str, lines: str) -> str:
    """The source with lines put after its last `#include`."""
    ends = [match.end() for match in INCLUDE.finditer(source)]
    place = max(ends, default=0)
    return f"{source[:place]}{lines}\n{source[place:]}"
