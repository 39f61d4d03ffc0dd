"""What the C++ of a submission keeps between calls, and whether a call writes it anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from integrity.rules.device_facts import (
    Assignment,
    DeviceCall,
    DeviceCode,
    DeviceFunction,
    DeviceLine,
    Launch,
    Slice,
)
from integrity.rules.device_text import WORD, identifiers
from integrity.rules.holders import Holders

MAX_VARIABLES = 48
MAX_WRITES = 64
MAX_CHARACTERS = 4000
NO_STATE = {"__constant__", "const", "constexpr", "__shared__", "extern", "typedef", "using"}
HANDLES = (
    "Stream", "Event", "Handle", "handle", "cublas", "cudnn", "once_flag", "mutex", "Module",
    "Function", "DeviceProp", "atomic_flag", "Generator", "GraphExec", "Graph_t", "regex",
    "std::string", "FILE", "Logger", "PyMethodDef", "PyModuleDef",
)  # fmt: skip
"""Types whose value is no result: handles, locks, compiled code."""

COPIES = {
    "memcpy": 1,
    "memmove": 1,
    "cudaMemcpy": 1,
    "cudaMemcpyAsync": 1,
    "hipMemcpy": 1,
    "hipMemcpyAsync": 1,
    "cuMemcpyDtoD": 1,
    "cuMemcpyDtoDAsync": 1,
    "cudaMemcpyPeerAsync": 2,
    "copy_": 0,
}
"""Where the source of a copy stands."""

ABOUT = {
    "options", "device", "get_device", "size", "sizes", "numel", "dim", "scalar_type", "dtype",
    "stride", "strides", "element_size", "is_cuda", "is_contiguous", "device_index",
}  # fmt: skip
"""Members of a tensor that do not depend on what it holds."""

READ_ONLY = {
    "sizeof", "free", "cudaFree", "cudaFreeAsync", "hipFree", "find", "count", "contains", "end",
    "begin", "defined", "has_value", "numel", "size", "sizes", "data_ptr", "options", "empty",
    "TORCH_CHECK", "assert", "printf", "fprintf", "is_same", "use_count", "at", "realloc",
    "lock_guard", "call_once", "equal", "memcmp", "reset", "clear", "erase", "reserve",
    "emplace", "insert", "try_emplace", "push_back", "emplace_back", "store", "load", "move",
    "malloc", "cudaMalloc", "cudaMallocAsync", "hipMalloc", "calloc", "clone", "detach",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """One variable that outlives a call."""

    name: str
    line: DeviceLine
    holders: Holders


class KeptState:
    """Static, thread_local and global variables of a submission's C++."""

    def __init__(self, code: DeviceCode, exported: frozenset[str]) -> None:
        self.code = code
        self.exported = exported
        """Functions that Python calls by name."""

    @cached_property
    def variables(self) -> list[Kept]:
        found: list[Kept] = []
        for line in self.code.statics[:200]:
            if not self._is_state(line):
                continue
            for name in line.names[:8]:
                if name.isidentifier() and len(found) < MAX_VARIABLES:
                    found.append(Kept(name, line, Holders(self.code, line.function, name)))
        return found

    def _is_state(self, line: DeviceLine) -> bool:
        text = line.text[:300]
        head = text.partition("=")[0]
        if line.function is not None and line.function.is_device:
            return False
        if _is_prototype(text, head):
            return False
        words = set(identifiers(head))
        mutable_pointer = "const" in words and "*" in head and not words & (NO_STATE - {"const"})
        if words & NO_STATE and not mutable_pointer and not _made_from_inputs(line):
            return False
        return not any(handle in head for handle in HANDLES)

    @cached_property
    def entries(self) -> list[DeviceFunction]:
        """Functions that the outside calls: exported by name, or called by nobody inside."""
        inside = {c.last for c in self.code.calls if c.function is not None and not c.in_macro}
        return [
            function
            for function in self.code.functions
            if not function.is_device
            and (function.name in self.exported or function.name not in inside)
        ]

    def is_fresh(self, kept: Kept, use: Slice, function: DeviceFunction) -> bool:
        """Whether the state is written on every way to that use of it."""
        around = self.code.around(use, function)
        return any(
            write.start < use.start
            and not write.holds(use)
            and all(branch in around for branch in self._once(write, function))
            for write in islice(self._writes(kept, function), MAX_WRITES)
        )

    def _once(self, write: Slice, function: DeviceFunction) -> Iterator[Slice]:
        """Branches around a write, and what `call_once` or a static's initialiser runs."""
        yield from self.code.around(write, function)
        for call in function.calls:
            if call.last == "call_once" and call.holds(write) and call is not write:
                yield call
        for line in function.declarations:
            if line.is_static and line.holds(write):
                yield line

    def _writes(self, kept: Kept, function: DeviceFunction) -> Iterator[Slice]:
        names = kept.holders.names(function)
        for launch in function.launches:
            if not names.isdisjoint(identifiers(launch.arguments)):
                yield launch
        for call in function.calls:
            if self._may_write(call, names):
                yield call
        for made in function.assignments:
            words = identifiers(made.left)
            stored = made.is_store and bool(names & set(words[:1]))
            if stored or (names & set(words) and _computes(made.right)):
                yield made

    def _may_write(self, call: DeviceCall, names: set[str]) -> bool:
        if call.last in READ_ONLY or call.in_macro or call.last in names:
            return False
        if call.last in COPIES:
            if call.last == "copy_":
                return not names.isdisjoint(identifiers(call.receiver)[:1])
            return not names.isdisjoint(identifiers(call.argument(0)))
        if call.last.endswith("_") and not names.isdisjoint(identifiers(call.receiver)[:1]):
            return True
        if not names.isdisjoint(identifiers(call.receiver)[-1:]) and call.last != "replay":
            return False
        return call.last == "replay" or any(names & set(identifiers(g)) for g in call.given)

    def work_of(self, function: DeviceFunction) -> list[Launch | Assignment]:
        """Launches that are given what the caller passed; stores to it where there are none."""
        inputs = self._inputs(function)
        if function.launches:
            return [f for f in function.launches if inputs & set(identifiers(f.arguments))]
        stores = (made for made in function.assignments if made.is_store)
        return [made for made in stores if inputs & set(identifiers(made.left)[:1])]

    def _inputs(self, function: DeviceFunction) -> set[str]:
        """Tensor and pointer parameters, and locals bound to them or freshly made."""
        found = {p.name for p in function.parameters if p.is_pointer or "Tensor" in p.type}
        for line in function.declarations:
            if not line.is_static and found & set(identifiers(line.text.partition("=")[2])):
                found |= set(line.names)
        return found - {""}

    def touches_state(self, fact: Slice, function: DeviceFunction) -> bool:
        """Whether a launch or a store involves anything that outlives the call."""
        words = set(identifiers(fact.text))
        return any(words & kept.holders.names(function) for kept in self.variables)


def _made_from_inputs(line: DeviceLine) -> bool:
    """Whether its only value is computed from the data of the first caller, not from its shape."""
    if line.function is None:
        return False
    tensors = {p.name for p in line.function.parameters if p.is_pointer or "Tensor" in p.type}
    text = line.text[:MAX_CHARACTERS].partition("=")[2]
    found = (word for word in WORD.finditer(text) if word[0] in tensors)
    return any(_member(text, word.end()) not in ABOUT for word in found)


def _member(text: str, at: int) -> str:
    """What is asked of the object that ends there, or nothing."""
    dotted = text[at : at + 60].lstrip()
    after = dotted.removeprefix("->") if dotted[:2] == "->" else dotted[1:]
    return after.partition("(")[0].strip() if dotted[:1] in (".", "-") else ""


def _is_prototype(text: str, head: str) -> bool:
    is_called = head.rstrip("; \n").endswith(")") and "*" not in head.partition("(")[0]
    return is_called and not _has_initialiser(text)


def _has_initialiser(text: str) -> bool:
    """`bool done(false);` is a variable, `void f(int);` is a function."""
    inside = text.partition("(")[2].partition(")")[0].strip()
    return inside in {"false", "true", "nullptr", "NULL"} or inside.lstrip("-").isdigit()


def _computes(text: str) -> bool:
    """Whether a right side makes a new value: not an allocation, a copy of nothing, or a flag."""
    words = identifiers(text[:400])
    allocates = {"empty", "empty_like", "zeros", "malloc", "realloc", "calloc", "new", "zeros_like"}
    return "(" in text and not allocates & set(words)
