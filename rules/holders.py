"""Which names of C++ stand for one object: a stream, a thread, something kept between calls.

Names are followed through declarations, assignments, parameters and returns of the submission's
own functions. The order of statements is ignored.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from integrity.rules.device_facts import DeviceCall, DeviceCode, DeviceFunction
from integrity.rules.device_text import WORD, identifiers

MAX_ROUNDS = 5
MAX_CHARACTERS = 400
KEEPS = {
    "find", "at", "second", "first", "get", "value", "front", "back", "clone", "data", "c_str",
    "data_ptr", "mutable_data_ptr", "const_data_ptr", "view", "reshape", "contiguous", "detach",
    "to", "alias", "begin", "end", "stream", "unwrap", "slice", "narrow", "view_as", "expand",
    "squeeze", "unsqueeze", "flatten", "index", "emplace", "insert", "try_emplace",
}  # fmt: skip
"""Members through which an object stays the same object, or a copy of it."""


class Holders:
    """Names of one object: in a function, or everywhere outside the functions that shadow it."""

    def __init__(self, code: DeviceCode, function: DeviceFunction | None, name: str) -> None:
        self.code = code
        self.inside: dict[DeviceFunction, set[str]] = {}
        self.everywhere: set[str] = set()
        self.returned_by: set[str] = set()
        self._add(function, name)
        for _ in range(MAX_ROUNDS):
            if not any([self._follow(f) for f in code.functions]):
                break

    def _add(self, function: DeviceFunction | None, name: str) -> bool:
        own = function is not None and (name in function.locals or _is_static_in(function, name))
        known = self.inside.setdefault(function, set()) if function and own else self.everywhere
        fresh = bool(name) and name not in known
        known |= {name} if name else set()
        return fresh

    def names(self, function: DeviceFunction | None) -> set[str]:
        """What stands for the object in that function."""
        if function is None:
            return self.everywhere
        seen = {name for name in self.everywhere if name not in function.locals}
        return seen | self.inside.get(function, set()) | self.returned_by

    def mentioned(self, text: str, function: DeviceFunction | None) -> bool:
        """Whether code of that function mentions the object."""
        return not self.names(function).isdisjoint(identifiers(text))

    def is_root(self, expression: str, function: DeviceFunction | None) -> bool:
        """Whether the expression is the object, part of it, or a copy of it."""
        return root(expression) in self.names(function)

    def _follow(self, function: DeviceFunction) -> bool:
        names = self.names(function)
        if names.isdisjoint(function.words):
            return False
        fresh = False
        for left, right in _bindings(function):
            if root(right) in names:
                fresh |= self._add(function, left)
        for line in function.returns:
            if root(line.text.removeprefix("return").strip("; \n\t")) in names:
                fresh |= function.name not in self.returned_by
                self.returned_by.add(function.name)
        for call in function.calls:
            fresh |= self._passed(call, names)
        return fresh

    def _passed(self, call: DeviceCall, names: set[str]) -> bool:
        fresh = False
        for callee in self.code.by_name.get(call.last, ())[:4]:
            if callee.is_kernel:
                continue
            for parameter, given in zip(callee.parameters, call.given, strict=False):
                if root(given) in names:
                    fresh |= self._add(callee, parameter.name)
        return fresh


def _is_static_in(function: DeviceFunction, name: str) -> bool:
    return any(name in line.names for line in function.declarations)


def _bindings(function: DeviceFunction) -> Iterable[tuple[str, str]]:
    """Names and what they are bound to."""
    for line in function.declarations:
        for name in line.names[:8]:
            at = line.text.find(name)
            right = line.text[at + len(name) :].lstrip(" \n\t[]").rstrip("; \n\t")
            if right[:1] in ("=", "(", "{"):
                yield name, right.lstrip("= \n\t") if right[0] == "=" else right[1:-1]
    for made in function.assignments:
        words = WORD.findall(made.left)
        if words:
            yield words[-1] if "[" not in made.left else words[0], made.right


@lru_cache(maxsize=4096)
def root(expression: str) -> str:
    """The object that an expression is, reaches into or copies: `(float*)a.b[i].clone()` is a."""
    text = _uncast(expression.strip()[:MAX_CHARACTERS])
    match = WORD.match(text)
    if match is None:
        return ""
    name, at = match[0], match.end()
    if name in {"std", "at", "torch", "c10", "reinterpret_cast", "static_cast", "const_cast"}:
        return _inside(text)
    while at < len(text):
        at = _past_space(text, at)
        if text[at : at + 1] in ("[", "(", "<"):
            at = _past_bracket(text, at)
        elif text[at : at + 2] in ("->", "::") or text[at : at + 1] == ".":
            member = WORD.match(text, _past_space(text, at + 1 + (text[at] != ".")))
            if member is None:
                return ""
            at = member.end()
            if text[at : at + 1] in ("(", "<") and member[0] not in KEEPS:
                return ""
            name = member[0] if name == "this" else name
        elif text[at : at + 1] in ("+", "-"):  # an address inside it
            return name
        elif at < len(text):
            return ""
    return name


def _inside(text: str) -> str:
    """What `std::move(x)`, `std::get<0>(x)` or `reinterpret_cast<T>(x)` is of."""
    opening = text.find("(")
    head = text[:opening].partition("<")[0].rpartition("::")[2].strip()
    kept = {"move", "get", "ref", "addressof", "reinterpret_cast", "static_cast", "const_cast"}
    if opening < 0 or head not in kept or not text.endswith(")"):
        return ""
    return root(text[opening + 1 : -1])


def _uncast(text: str) -> str:
    """Without leading `*`, `&`, brackets and C casts."""
    for _ in range(8):
        text = text.lstrip("*& \n\t")
        if not text.startswith("("):
            return text
        end = _past_bracket(text, 0)
        rest = text[end:].lstrip()
        if rest[:1] in ("", ".", "-", "[", ")", "+"):
            text = text[1 : end - 1] + ("" if rest[:1] in ("", "+") else rest)
        else:
            text = rest
    return text


def _past_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _past_bracket(text: str, at: int) -> int:
    pairs = {"(": ")", "[": "]", "<": ">", "{": "}"}
    opening, depth = text[at], 0
    for end in range(at, len(text)):
        depth += (text[end] == opening) - (text[end] == pairs[opening])
        if depth == 0:
            return end + 1
    return len(text)
