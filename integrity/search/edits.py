"""Operators on the tree of any Triton kernel: launch parameters, block sizes, hints.

Every operator changes one place and leaves all other text as it is.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst

_WARPS = (1, 2, 4, 8, 16)
_STAGES = (1, 2, 3, 4, 5)
_EVICTIONS = ("", "evict_first")
_LEAST_BLOCK, _LARGEST_BLOCK = 16, 65536
_MOST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Edit:
    """A node to take out and what comes in its place."""

    name: str
    old: cst.CSTNode
    new: cst.CSTNode


def edited(text: str, rng: random.Random) -> tuple[str, str]:
    """The text with one edit made, and which; two empty strings where none applies."""
    if len(text) > _MOST_BYTES:
        return "", ""
    try:
        tree = cst.parse_module(text)
    except (cst.ParserSyntaxError, RecursionError):
        return "", ""
    finder = _Finder()
    tree.visit(finder)
    if not finder.edits:
        return "", ""
    names = sorted({edit.name.partition("=")[0] for edit in finder.edits})
    kind = rng.choice(names)  # first what to change: a kernel with many loads is not all hints
    edit = rng.choice([each for each in finder.edits if each.name.partition("=")[0] == kind])
    changed = tree.deep_replace(edit.old, edit.new)
    assert isinstance(changed, cst.Module)
    return changed.code, edit.name


class _Finder(cst.CSTVisitor):
    """Every edit that could be made."""

    def __init__(self) -> None:
        self.edits: list[Edit] = []

    def visit_Call(self, node: cst.Call) -> None:
        name = node.func.attr.value if isinstance(node.func, cst.Attribute) else ""
        if isinstance(node.func, cst.Subscript):  # kernel[grid](...)
            self._launch(node)
        elif name in {"load", "store"} and _is_tl(node.func):
            self._hint(node)
        elif name == "range" and _is_tl(node.func):
            self._keyword(node, "num_stages", _STAGES)
        elif name == "Config":
            self._keyword(node, "num_warps", _WARPS)
            self._keyword(node, "num_stages", _STAGES)

    def visit_Assign(self, node: cst.Assign) -> None:
        target = node.targets[0].target
        if isinstance(target, cst.Name) and target.value.isupper():
            self._block(target.value, node.value)

    def visit_DictElement(self, node: cst.DictElement) -> None:
        if isinstance(node.key, cst.SimpleString) and str(node.key.evaluated_value).isupper():
            self._block(str(node.key.evaluated_value), node.value)

    def _launch(self, node: cst.Call) -> None:
        self._keyword(node, "num_warps", _WARPS)
        self._keyword(node, "num_stages", _STAGES)
        for argument in node.args:
            if argument.keyword is not None and argument.keyword.value.isupper():
                self._block(argument.keyword.value, argument.value)

    def _block(self, name: str, value: cst.BaseExpression) -> None:
        """Half and twice a power of two that a constant in capitals holds."""
        if not isinstance(value, cst.Integer):
            return
        size = value.evaluated_value
        if size < _LEAST_BLOCK or size & (size - 1):
            return
        for other in (size // 2, size * 2):
            if _LEAST_BLOCK <= other <= _LARGEST_BLOCK:
                self.edits.append(Edit(f"{name}={other}", value, cst.Integer(str(other))))

    def _keyword(self, node: cst.Call, name: str, values: Sequence[int]) -> None:
        present = _argument(node, name)
        for value in values:
            if present is None or not _is_number(present.value, value):
                text = str(value)
                self._set(node, name, present, text, cst.Integer(text))

    def _hint(self, node: cst.Call) -> None:
        present = _argument(node, "eviction_policy")
        for policy in _EVICTIONS:
            known = present.value if present else cst.SimpleString('""')
            if not (isinstance(known, cst.SimpleString) and known.evaluated_value == policy):
                text = cst.SimpleString(f'"{policy}"')
                self._set(node, "eviction", present, policy, text)

    def _set(
        self,
        node: cst.Call,
        name: str,
        present: cst.Arg | None,
        shown: str,
        value: cst.BaseExpression,
    ) -> None:
        if present is not None:
            new = present.with_changes(value=value)
            self.edits.append(Edit(f"{name}={shown}", present, new))
            return
        keyword = "eviction_policy" if name == "eviction" else name
        argument = cst.Arg(
            value,
            keyword=cst.Name(keyword),
            equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
        )
        self.edits.append(
            Edit(f"{name}={shown}", node, node.with_changes(args=[*node.args, argument]))
        )


def _argument(node: cst.Call, name: str) -> cst.Arg | None:
    return next((a for a in node.args if a.keyword and a.keyword.value == name), None)


def _is_number(node: cst.BaseExpression, value: int) -> bool:
    return isinstance(node, cst.Integer) and node.evaluated_value == value


def _is_tl(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Attribute) and isinstance(node.value, cst.Name)
