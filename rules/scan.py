"""One scan: text in, findings out. Never runs or imports the submission."""

from __future__ import annotations

import ast
import sys
import warnings
from pathlib import Path

from integrity.finding import Finding, Span
from integrity.policy import Dependencies
from integrity.rules import all_rules
from integrity.rules.not_python import NotPython
from integrity.rules.source import ANY, Source
from integrity.rules.unanalysable import Unanalysable

MAX_FINDINGS = 200
"""A report of more is nobody's reading; the rest repeats it."""

WHOLE = Span(1, 1, 1, 2)


def scan(
    text: str,
    path: Path = Path("kernel.py"),
    entry: str = "",
    unreadable: str = "",
    allows: Dependencies = ANY,
) -> list[Finding]:
    """What every rule reports of one submission, in the order of the text."""
    if unreadable or "\0" in text:
        reason = unreadable or "contains NUL bytes"
        return [Unanalysable().finding(WHOLE, f"can't be analysed: the file {reason}")]
    try:
        source = _parsed(text, path, entry, allows)
    except SyntaxError as error:
        return [rejected(text, error)]
    except (RecursionError, MemoryError, ValueError) as error:
        return [Unanalysable().finding(WHOLE, f"can't be analysed: {_reason(error)}")]
    found = (finding for rule in all_rules() for finding in rule().check(source))
    once = {_position(finding): finding for finding in found}
    return [finding for _, finding in sorted(once.items())][:MAX_FINDINGS]


def _parsed(text: str, path: Path, entry: str, allows: Dependencies) -> Source:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a submission's bad escapes are no business of ours
        return Source(text, path, entry, allows)


def _position(finding: Finding) -> tuple[int, int, str, str]:
    span = finding.span or WHOLE
    return span.line, span.column, finding.id, finding.claim


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "its expressions nest deeper than the parser can follow"
    if isinstance(error, MemoryError):
        return "it nests deeper than the parser's stack"
    return f"the parser rejects it ({error})"


def rejected(text: str, error: SyntaxError) -> Finding:
    """What a file means that this interpreter does not compile."""
    line = max(error.lineno or 1, 1)
    column = max(error.offset or 1, 1)
    span = Span(line, column, line, column + 1)
    message = (error.msg or "invalid syntax")[:200]
    if "too many nested parentheses" in message or "too many statically nested" in message:
        return Unanalysable().finding(span, f"can't be analysed: {message}")
    if _is_newer_python(text, line):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        claim = f"can't be analysed: line {line} is syntax newer than Python {version}"
        return Unanalysable().finding(span, claim)
    return NotPython().finding(span, f"does not compile: line {line}: {message}")


NEWER = ("type ", "except", 'f"', "f'", 't"', "t'", "[")
"""Every form of syntax added since 3.11 has one of these."""

MAX_SNIPPET = 1_500
MAX_BRACKETS = 5
"""libcst's time is exponential in nesting; beyond these it is not asked, and it only words the
reason: what does not compile here is reported either way."""


def _is_newer_python(text: str, line: int) -> bool:
    """Whether the statement around that line is Python that this interpreter is too old for."""
    snippet = _statement(text, line)
    if len(snippet) > MAX_SNIPPET or not any(mark in snippet for mark in NEWER):
        return False
    if _depth(snippet) > MAX_BRACKETS:
        return False
    import libcst

    try:
        module = libcst.parse_module(snippet)
    except Exception:  # what libcst makes of broken text is its own; it only words the reason
        return False
    return not _compiles(module.code) and module.code == snippet


def _statement(text: str, line: int) -> str:
    """The top-level statement that holds a line: from one line without indent to the next."""
    lines = text.splitlines(keepends=True)
    place = min(max(line - 1, 0), max(len(lines) - 1, 0))
    start, end = place, place + 1
    while start > 0 and not _begins(lines[start]):
        start -= 1
    while end < len(lines) and not _begins(lines[end]):
        end += 1
    return "".join(lines[start:end])


def _begins(line: str) -> bool:
    return bool(line.strip()) and not line[0].isspace() and line[0] not in ")]}#"


def _depth(text: str) -> int:
    """How deep brackets nest, those in strings included."""
    depth = deepest = 0
    for character in text:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth -= 1
    return deepest


def _compiles(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
