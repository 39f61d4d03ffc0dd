"""Macros of C as lists of tokens: arguments, pasting, and back to text."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Possessive and disjoint: every character is looked at once, whatever the text.
COMMENT = r"//[^\n]*+|/\*[^*]*+(?:\*(?!/)[^*]*+)*+(?:\*/)?+"
STRING = (
    r'R"\([^)]*+(?:\)(?!")[^)]*+)*+(?:\)")?+'
    r"|\"[^\"\\\n]*+(?:\\.[^\"\\\n]*+)*+\"?+|'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'?+"
)
TOKEN = re.compile(
    rf"(?P<space>(?:\s|{COMMENT})++)|{STRING}|\d[\w.']*+|[A-Za-z_]\w*+|\#\#|<<<|>>>|::|->|.",
    re.DOTALL | re.ASCII,
)
PASTE = "##"


@dataclass(frozen=True, slots=True)
class Macro:
    """One `#define`."""

    body: list[str]
    parameters: list[str] | None = None
    is_variadic: bool = False


def tokens(text: str) -> list[str]:
    found = (" " if match["space"] is not None else match[0] for match in TOKEN.finditer(text))
    return list(found)


def trimmed(tokens: list[str]) -> list[str]:
    start, end = 0, len(tokens)
    while start < end and tokens[start] == " ":
        start += 1
    while end > start and tokens[end - 1] == " ":
        end -= 1
    return tokens[start:end]


def separated(tokens: list[str]) -> list[list[str]]:
    """Arguments between commas of the outer level."""
    parts: list[list[str]] = [[]]
    depth = 0
    for token in tokens:
        if len(token) == 1:
            depth += (token in "([{") - (token in ")]}")
        if token == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [trimmed(part) for part in parts]


def closed(tokens: list[str], at: int) -> tuple[int, int] | None:
    """Where the brackets that follow open and close."""
    while at < len(tokens) and tokens[at] == " ":
        at += 1
    if at >= len(tokens) or tokens[at] != "(":
        return None
    depth = 0
    for end in range(at, len(tokens)):
        depth += (tokens[end] == "(") - (tokens[end] == ")")
        if depth == 0:
            return at, end
    return None


def bound(macro: Macro, given: list[list[str]]) -> dict[str, list[str]]:
    names = macro.parameters or []
    values = dict(zip(names, given, strict=False))
    if macro.is_variadic and len(given) > len(names):
        rest = list(values[names[-1]])
        for part in given[len(names) :]:
            rest += [",", *part]
        values[names[-1]] = rest
    return {name: values.get(name, []) for name in names}


def beside(tokens: list[str], at: int, step: int) -> str:
    """The nearest token that is no space."""
    at += step
    while 0 <= at < len(tokens) and tokens[at] == " ":
        at += step
    return tokens[at] if 0 <= at < len(tokens) else ""


def pasted(tokens: list[str]) -> list[str]:
    """`a ## b` made one token."""
    out: list[str] = []
    pasting = False
    for token in tokens:
        if token == PASTE:
            while out and out[-1] == " ":
                out.pop()
            pasting = True
        elif pasting and token == " ":
            continue
        elif pasting and out and out[-1] != ",":
            out[-1] += token
            pasting = False
        else:
            if pasting and not token and out:
                out.pop()  # GNU: `, ## __VA_ARGS__` without arguments drops the comma
            out.append(token)
            pasting = False
    return out


def joined(tokens: list[str]) -> str:
    out: list[str] = []
    for token in tokens:
        if out and token[:1].isalnum() and out[-1][-1:].isalnum():
            out.append(" ")
        out.append(token)
    return "".join(out)
