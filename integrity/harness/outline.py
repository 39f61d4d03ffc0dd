"""What a Python source defines at its top level, read without running it."""

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

MAX_CHARACTERS = 2**20
"""Above this no tree is built: `ast` takes about 100 bytes of memory per byte of source."""

MAX_REMEMBERED = 2**16
"""Trees of larger sources are not worth their memory."""

DEFINITION = re.compile(
    r"^(?:class|def|async[ \t]+def)[ \t]+(\w+)|^(\w+)[ \t]*=(?!=)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Outline:
    """The top level of one source file."""

    text: str
    names: frozenset[str]
    statements: tuple[ast.stmt, ...] = ()
    unreadable: str = ""
    """Why there is no tree; the names are then guessed from the text."""

    @classmethod
    def of(cls, text: str) -> "Outline":
        """Outline hostile text: whatever the parser does with it, this returns."""
        return _remembered(text) if len(text) < MAX_REMEMBERED else cls.read(text)

    @classmethod
    def read(cls, text: str) -> "Outline":
        """The same, parsed anew."""
        if len(text) > MAX_CHARACTERS:
            return cls._guessed(text, f"is longer than {MAX_CHARACTERS} characters")
        try:
            statements = parse(text)
        except SyntaxError as error:
            return cls._guessed(text, f"does not parse: {error.msg} (line {error.lineno})")
        except (RecursionError, MemoryError, ValueError) as error:
            return cls._guessed(text, f"does not parse: {type(error).__name__}")
        names = (name for statement in flat(statements) for name in bound_names(statement))
        return cls(text, frozenset(names), statements)

    @classmethod
    def _guessed(cls, text: str, why: str) -> "Outline":
        names = frozenset(match[1] or match[2] for match in DEFINITION.finditer(text))
        return cls(text, names, unreadable=why)

    def missing(self, names: Sequence[str]) -> tuple[str, ...]:
        """Those of `names` that are not defined here."""
        return tuple(name for name in names if name not in self.names)


@lru_cache(maxsize=8)
def _remembered(text: str) -> Outline:
    """One audit asks for the outline of a source up to five times."""
    return Outline.read(text)


def parse(text: str) -> tuple[ast.stmt, ...]:
    """The top-level statements of a source.

    Raises:
        SyntaxError, RecursionError, MemoryError, ValueError: as `ast.parse` does.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a bad escape in the submission is not our user's news
        return tuple(ast.parse(text).body)


def blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The statement lists that run where this compound statement stands."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    for name in ("body", "orelse", "finalbody"):
        yield getattr(statement, name, [])
    for clause in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
        yield clause.body


def flat(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """These statements and all inside their `if`, `try`, `with` and loops."""
    stack = list(reversed(statements))
    while stack:
        statement = stack.pop()
        yield statement
        for block in blocks(statement):
            stack.extend(reversed(block))


def bound_names(statement: ast.stmt) -> set[str]:
    """Names that an import, definition or assignment binds in its own scope."""
    match statement:
        case ast.Import() | ast.ImportFrom():
            return {alias.asname or alias.name.split(".")[0] for alias in statement.names}
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return {statement.name}
        case ast.Assign():
            return {name for target in statement.targets for name in _target_names(target)}
        case ast.AnnAssign() | ast.AugAssign():
            return set(_target_names(statement.target))
    return set()


def _target_names(target: ast.expr) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
