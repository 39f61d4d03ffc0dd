"""What C++ and CUDA do, as facts that rules query: calls, launches, functions, state.

Facts are ranges of bytes in a piece of text. Words and places are worked out when a rule asks,
since most are never asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from integrity.finding import Span
from integrity.rules.device_text import Piece, declared, identifiers, opened, split_arguments


@dataclass(eq=False)
class Slice:
    """A range of bytes in a piece of C++."""

    piece: Piece
    start: int
    end: int

    @cached_property
    def text(self) -> str:
        return self.piece.text(self.start, self.end)

    @property
    def span(self) -> Span:
        return self.piece.span(self.start, self.end)

    @cached_property
    def words(self) -> frozenset[str]:
        """Identifiers in it, comments and strings left out."""
        return frozenset(identifiers(self.text))

    def holds(self, other: Slice) -> bool:
        """Whether another range of the same piece lies inside this one."""
        return self.piece is other.piece and self.start <= other.start and other.end <= self.end


@dataclass(eq=False)
class DeviceCall(Slice):
    """A call in C++: what is called, as written, without template arguments."""

    name: str
    bounds: tuple[int, int] = (0, 0)
    """Bytes of the argument list, brackets included."""

    function: DeviceFunction | None = None
    in_macro: bool = False
    """Only a word in a `#define`: whether it is ever called is not known."""

    @property
    def last(self) -> str:
        """The name without its namespace or receiver."""
        return self.name.replace("->", ".").replace("::", ".").rsplit(".", 1)[-1]

    @property
    def receiver(self) -> str:
        """What stands before the last dot or arrow, or nothing."""
        return self.name.replace("->", ".").rpartition(".")[0]

    @cached_property
    def arguments(self) -> str:
        return self.piece.text(*self.bounds)[:2000]

    @cached_property
    def given(self) -> list[str]:
        """The arguments, one by one."""
        return split_arguments(opened(self.arguments))

    def argument(self, index: int) -> str:
        return self.given[index] if index < len(self.given) else ""


@dataclass(eq=False)
class Launch(Slice):
    """`kernel<<<grid, block, shared, stream>>>(...)`, or a launch through the runtime."""

    kernel: str
    configuration: list[str]
    bounds: tuple[int, int] = (0, 0)
    function: DeviceFunction | None = None

    @property
    def grid(self) -> str:
        return self._configured(0)

    @property
    def block(self) -> str:
        return self._configured(1)

    @property
    def shared(self) -> str:
        return self._configured(2)

    @property
    def stream(self) -> str:
        return self._configured(3)

    def _configured(self, index: int) -> str:
        return self.configuration[index] if index < len(self.configuration) else ""

    @cached_property
    def arguments(self) -> str:
        return self.piece.text(*self.bounds)[:4000]

    @cached_property
    def given(self) -> list[str]:
        return split_arguments(opened(self.arguments))


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a C++ function."""

    name: str
    type: str

    @property
    def is_pointer(self) -> bool:
        return "*" in self.type or "[" in self.type

    @property
    def is_const(self) -> bool:
        """Whether what it points to is only read."""
        return "const" in identifiers(self.type.partition("*")[0])


@dataclass(eq=False)
class DeviceLine(Slice):
    """A declaration, a macro, an assignment or a `return`."""

    function: DeviceFunction | None = None

    @cached_property
    def specifiers(self) -> list[str]:
        """The words before what it declares."""
        return identifiers(self.text[:200].partition("=")[0])

    @property
    def is_static(self) -> bool:
        head = self.text[:80]
        return ("static" in head or "thread_local" in head) and bool(
            {"static", "thread_local"} & set(self.specifiers[:4])
        )

    @cached_property
    def names(self) -> list[str]:
        """What it declares."""
        return declared(self.text[:2000])


@dataclass(eq=False)
class Assignment(Slice):
    """`left = right`, `left += right`, `++left`."""

    left_end: int
    function: DeviceFunction | None = None

    @cached_property
    def left(self) -> str:
        return self.piece.text(self.start, self.left_end)

    @cached_property
    def right(self) -> str:
        return self.piece.text(self.left_end, self.end).lstrip().lstrip("+-*/|&^%<>").lstrip("= ")

    @property
    def is_store(self) -> bool:
        """Whether it writes through a pointer, an array or a member."""
        return any(mark in self.left for mark in ("*", "[", "->", "."))


@dataclass(eq=False)
class DeviceFunction(Slice):
    """A function in C++ and what stands in it."""

    name: str = ""
    body: int = 0
    """Where its body starts, in bytes."""

    bounds: tuple[int, int] = (0, 0)
    calls: list[DeviceCall] = field(default_factory=list)
    launches: list[Launch] = field(default_factory=list)
    declarations: list[DeviceLine] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    returns: list[DeviceLine] = field(default_factory=list)
    assembly: list[DeviceLine] = field(default_factory=list)

    @cached_property
    def head(self) -> str:
        return self.piece.text(self.start, self.body)[:2000]

    @cached_property
    def code(self) -> str:
        """Its body, comments left out."""
        return self.piece.code(self.body, self.end)

    @property
    def is_kernel(self) -> bool:
        return "__global__" in self.head

    @property
    def is_device(self) -> bool:
        return self.is_kernel or "__device__" in self.head

    @cached_property
    def parameters(self) -> list[Parameter]:
        return list(_parameters(opened(self.piece.text(*self.bounds)[:4000])))

    @cached_property
    def locals(self) -> frozenset[str]:
        """Names that mean something of its own here: parameters, and variables not static."""
        own = {name for line in self.declarations if not line.is_static for name in line.names}
        return frozenset(own | {parameter.name for parameter in self.parameters})

    @property
    def returned_type(self) -> str:
        head = self.head[: max(self.bounds[0] - self.start, 0)]
        return head.rpartition(self.name)[0] if self.name else head


@dataclass
class DeviceCode:
    """Facts about all C++ and CUDA in one submission."""

    texts: list[str] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    calls: list[DeviceCall] = field(default_factory=list)
    functions: list[DeviceFunction] = field(default_factory=list)
    launches: list[Launch] = field(default_factory=list)
    declarations: list[DeviceLine] = field(default_factory=list)
    macros: list[DeviceLine] = field(default_factory=list)
    branches: list[Slice] = field(default_factory=list)
    opened_by: dict[Slice, Slice] = field(default_factory=dict)
    """The condition of an `if`, by the branch that it opens."""

    loops: list[Slice] = field(default_factory=list)
    assembly: list[DeviceLine] = field(default_factory=list)
    ptx: list[Piece] = field(default_factory=list)
    unread: list[Piece] = field(default_factory=list)
    """Text that defeats the parser."""

    patience_s: float = 0.8
    """Processor time left for parsing all of it."""

    _branches: dict[DeviceFunction, list[Slice]] = field(default_factory=dict)

    @cached_property
    def _by_last(self) -> dict[str, list[DeviceCall]]:
        found: dict[str, list[DeviceCall]] = {}
        for call in self.calls:
            found.setdefault(call.last, []).append(call)
        return found

    def calls_to(self, names: Iterable[str]) -> list[DeviceCall]:
        """Calls of those functions, whatever namespace or receiver they are reached by."""
        wanted = frozenset(names)
        lasts = {name.replace("->", ".").replace("::", ".").rsplit(".", 1)[-1] for name in wanted}
        found = [
            call
            for last in sorted(lasts)
            for call in self._by_last.get(last, ())
            if last in wanted or call.name in wanted
        ]
        return sorted(found, key=lambda call: (call.start, call.end))

    @cached_property
    def kernels(self) -> list[DeviceFunction]:
        """`__global__` functions that are defined here."""
        return [function for function in self.functions if function.is_kernel]

    @cached_property
    def by_name(self) -> dict[str, list[DeviceFunction]]:
        found: dict[str, list[DeviceFunction]] = {}
        for function in self.functions:
            found.setdefault(function.name, []).append(function)
        return found

    @cached_property
    def statics(self) -> list[DeviceLine]:
        """Variables that outlive a call: static, thread_local, or outside every function."""
        return [line for line in self.declarations if line.is_static or line.function is None]

    @cached_property
    def callers(self) -> dict[str, list[DeviceCall]]:
        """Calls and mentions of the submission's own functions, by name."""
        return {name: self._by_last.get(name, []) for name in self.by_name}

    def mentions(self, words: Iterable[str]) -> bool:
        """Whether any of those words stands anywhere in the text."""
        return any(word in text for word in words for text in self.texts)

    def around(self, fact: Slice, function: DeviceFunction) -> list[Slice]:
        """The branches of a function that a fact stands in."""
        if function not in self._branches:
            self._branches[function] = [b for b in self.branches if function.holds(b)]
        return [branch for branch in self._branches[function] if branch.holds(fact)]


def _parameters(text: str) -> Iterator[Parameter]:
    for part in split_arguments(text)[:64]:
        given = part.partition("=")[0].rstrip()
        words = identifiers(given.partition("[")[0])
        if len(words) > 1 or "*" in given or "&" in given:
            name = words[-1] if words and given.rstrip("] 0123456789[").endswith(words[-1]) else ""
            yield Parameter(name, given)
        elif words and words[0] != "void":
            yield Parameter("", given)
