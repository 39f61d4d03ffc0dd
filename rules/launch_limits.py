"""Sizes in C++ that are known before it runs: shared memory, blocks, constants."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cached_property

from integrity.rules.device_facts import DeviceCode, DeviceFunction, Launch
from integrity.rules.device_text import WORD, identifiers, opened, split_arguments

BYTES = {
    "char": 1, "bool": 1, "int8_t": 1, "uint8_t": 1, "__nv_fp8_e4m3": 1, "half": 2, "__half": 2,
    "__nv_bfloat16": 2, "nv_bfloat16": 2, "short": 2, "uint16_t": 2, "int16_t": 2, "float": 4,
    "int": 4, "unsigned": 4, "uint32_t": 4, "int32_t": 4, "half2": 4, "double": 8, "long": 8,
    "float2": 8, "int64_t": 8, "uint64_t": 8, "int2": 8, "float4": 16, "int4": 16, "uint4": 16,
}  # fmt: skip
MAX_CHARACTERS = 200
MAX_VALUE = 1 << 40
OPERATIONS: dict[type[ast.operator], Callable[[int, int], int | None]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b if b else None,
    ast.LShift: lambda a, b: a << b if 0 <= b < 32 else None,
    ast.RShift: lambda a, b: a >> b if 0 <= b < 32 else None,
}


class Sizes:
    """Evaluates constant expressions of a submission's C++."""

    def __init__(self, code: DeviceCode) -> None:
        self.code = code

    @cached_property
    def _constants(self) -> dict[str, str]:
        """Constants by name; a name with two values has none."""
        found: dict[str, str] = {}
        for line in self.code.declarations:
            if not {"constexpr", "const"} & set(line.specifiers[:3]):
                continue
            name = line.names[0] if line.names else ""
            value = line.text.partition("=")[2].rstrip("; \n")
            found[name] = "" if name in found and found[name] != value else value
        return found

    def value(self, text: str, depth: int = 6) -> int | None:
        """What an integer expression comes to, if it is constant."""
        squeezed = text.strip().rstrip("; ")
        if not squeezed or len(squeezed) > MAX_CHARACTERS or depth == 0:
            return None
        for name in set(WORD.findall(squeezed)):
            if name == "sizeof":
                return None
        plain = squeezed.replace("/", "//").replace("u)", ")").rstrip("uUlL")
        try:
            tree = ast.parse(plain, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        return self._of(tree, depth)

    def _of(self, node: ast.expr, depth: int) -> int | None:
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, int) else None
        if isinstance(node, ast.Name):
            given = self._constants.get(node.id, "")
            return self.value(given, depth - 1) if given else None
        operation = OPERATIONS.get(type(node.op)) if isinstance(node, ast.BinOp) else None
        if not isinstance(node, ast.BinOp) or operation is None or depth == 0:
            return None
        left, right = self._of(node.left, depth - 1), self._of(node.right, depth - 1)
        if left is None or right is None or max(abs(left), abs(right)) > MAX_VALUE:
            return None
        return operation(left, right)

    def shared_bytes(self, kernel: DeviceFunction) -> int | None:
        """Bytes of its `__shared__` arrays; None if one can't be told."""
        total = 0
        for line in kernel.declarations:
            if "__shared__" not in line.text[:60] or "extern" in line.specifiers[:2]:
                continue
            size = self._declared_bytes(line.text)
            if size is None:
                return None
            total += size
        return total

    def _declared_bytes(self, text: str) -> int | None:
        words = identifiers(text.partition("[")[0])
        element = next((BYTES[word] for word in words if word in BYTES), None)
        if element is None:
            return None
        total = 0
        for declarator in split_arguments(text.rstrip("; \n")):
            size = element
            for part in declarator.split("[")[1:]:
                extent = self.value(part.partition("]")[0])
                if extent is None:
                    return None
                size *= extent
            total += size
        return total

    def threads(self, launch: Launch) -> int | None:
        """Threads of a block; None if they can't be told."""
        return self._threads(launch.block, launch.function)

    def _threads(self, text: str, function: DeviceFunction | None) -> int | None:
        stripped = text.strip()
        if stripped.startswith("dim3"):
            return self._product(stripped.removeprefix("dim3").strip())
        for line in function.declarations if function else []:
            if stripped in line.names and line.text.startswith(("dim3", "const dim3")):
                at = line.text.find(stripped, line.text.find("dim3") + 4)
                return self._product(_bracketed(line.text[at + len(stripped) :]))
        return self.value(stripped)

    def _product(self, text: str) -> int | None:
        total = 1
        for part in split_arguments(opened(text)):
            extent = self.value(part)
            if extent is None:
                return None
            total *= extent
        return total


def _bracketed(text: str) -> str:
    """The first pair of brackets and what it holds."""
    text = text.lstrip(" =")
    closing = {"(": ")", "{": "}"}.get(text[:1], "")
    end = text.find(closing) if closing else -1
    return text[: end + 1] if end > 0 else "(?)"
