"""A submission's source as the rules see it: parsed once, queried many times."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from integrity.finding import Span
from integrity.policy import Dependencies
from integrity.rules.answer import Answer
from integrity.rules.assigned_methods import assigned_methods
from integrity.rules.callees import arguments
from integrity.rules.cuda import DeviceCode, device_code
from integrity.rules.desugar import desugared
from integrity.rules.facts import Call, Write, writes_of
from integrity.rules.flow import Flow
from integrity.rules.layout import Layout, children
from integrity.rules.links import Links
from integrity.rules.names import Names
from integrity.rules.payload import MAX_ROUNDS, is_opaque, unpacked
from integrity.rules.reach import Reach, entries
from integrity.rules.reads import Reads
from integrity.rules.scopes import Binding, Class, Function
from integrity.rules.strings import Strings

ANY = Dependencies()


class Source:
    """Facts about one submission. Everything is found in time linear in its size."""

    def __init__(
        self,
        text: str,
        path: Path = Path("kernel.py"),
        entry: str = "",
        allows: Dependencies = ANY,
    ) -> None:
        self.text = text
        self.allows = allows
        self.python_texts: set[str] = set()  # those that run as Python
        self.is_cuda = path.suffix in {".cu", ".cuh"}
        self.entry = entry
        self.tree = ast.parse("" if self.is_cuda else text)
        self._read()
        for _ in range(MAX_ROUNDS):
            if not (unpacked(self) | desugared(self) | assigned_methods(self)):
                break
            self._forget()
            self._read()

    def _forget(self) -> None:
        """Drop what was derived from the tree before payloads joined it."""
        for name in [
            name for name in vars(self) if isinstance(vars(Source).get(name), cached_property)
        ]:
            del self.__dict__[name]

    def _read(self) -> None:
        self.layout = Layout(self.tree)
        self._live: dict[tuple[type[ast.AST], ...], list[ast.AST]] = {}
        self._names = Names(self.layout)
        Reach(self.layout, self._names, self.entry)
        for function in self.layout.functions[1:]:
            function.on_device = bool(function.decorators) and self._is_triton(function)
        self.entries: list[Function] = entries(self.layout, self._names, self.entry)

    def _is_triton(self, function: Function) -> bool:
        """Whether Triton's own decorator gets it first."""
        names = self._names.of(function.decorators[-1])
        return bool(names) and all(name.startswith("triton.") for name in names)

    def names(self, node: ast.AST) -> Strings:
        """Dotted names an expression may stand for."""
        return self._names.of(node)

    def strings(self, node: ast.expr) -> Strings:
        """Strings an expression may spell."""
        return self._names.strings(node)

    def arguments(self, node: ast.Call) -> list[ast.expr]:
        """Positional arguments, with those of a partial and of `*` laid out."""
        return arguments(self._names, node)

    def elements(self, node: ast.expr) -> list[ast.expr]:
        """Items of a literal, or of what a name is bound to."""
        return self._names.bindings.elements(node, None)

    def function(self, path: str) -> Function | None:
        """The submission's own function of that path, or what calling an instance runs."""
        owner = self.layout.classes.get(path.removesuffix("()")) if path.endswith("()") else None
        if owner is None:
            return self._names.functions.get(path)
        return owner.methods.get("__call__") or owner.methods.get("forward")

    def function_of(self, node: ast.AST) -> Function:
        """The function a node runs in; the module's top level for the rest."""
        return self.layout.place[node].function

    def parent(self, node: ast.AST) -> ast.AST | None:
        return self.layout.parent.get(node)

    def parents(self, node: ast.AST) -> Iterator[ast.AST]:
        """Everything around a node inside its function, nearest first; 200 levels at most."""
        for _ in range(200):
            found = self.layout.parent.get(node)
            if found is None:
                return
            yield found
            if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef):
                return
            node = found

    @cached_property
    def flow(self) -> Flow:
        """Where returned values come from."""
        return Flow(self)

    def live(self, *kinds: type[ast.AST]) -> list[Any]:
        """Nodes of those types that the host can reach, in the order of the text."""
        if kinds not in self._live:
            found = self.everywhere(*kinds)
            place = self.layout.place
            self._live[kinds] = [node for node in found if not place[node].function.on_device]
        return self._live[kinds]

    def everywhere(self, *kinds: type[ast.AST]) -> list[Any]:
        """The same, with those in Triton kernels."""
        place, nodes = self.layout.place, self.layout.nodes(*kinds)
        return [n for n in nodes if (p := place[n]).function.live and not p.guarded]

    @cached_property
    def calls(self) -> list[Call]:
        """Calls in live code."""
        return [
            Call(
                node, self.names(node.func), self.function_of(node), getattr(node.func, "attr", "")
            )
            for node in self.everywhere(ast.Call)
        ]

    @cached_property
    def _calls_by_name(self) -> dict[str, list[Call]]:
        found: dict[str, list[Call]] = {}
        for call in self.calls:
            for name in call.names:
                found.setdefault(name, []).append(call)
        return found

    @cached_property
    def _calls_by_function(self) -> dict[Function, list[Call]]:
        found: dict[Function, list[Call]] = {}
        for call in self.calls:
            found.setdefault(call.function, []).append(call)
        return found

    def calls_in(self, function: Function) -> list[Call]:
        """Live calls in a function, without those of functions inside it."""
        return self._calls_by_function.get(function, [])

    def calls_to(self, names: Iterable[str]) -> list[Call]:
        """Live calls whose callee may be one of those names."""
        found = [call for name in names for call in self._calls_by_name.get(name, ())]
        return sorted(set(found), key=lambda call: (call.node.lineno, call.node.col_offset))

    @cached_property
    def writes(self) -> list[Write]:
        """Changes of attributes in live code."""
        return list(writes_of(self))

    @cached_property
    def reads(self) -> Reads:
        """Attributes and names that live code looks at."""
        return Reads(self)

    @cached_property
    def attribute_stores(self) -> list[tuple[ast.Attribute, Strings]]:
        """Attributes that live code assigns to, and what they may be."""
        stored = (n for n in self.live(ast.Attribute) if isinstance(n.ctx, ast.Store))
        return [(node, self.names(node)) for node in stored]

    @cached_property
    def texts(self) -> list[tuple[ast.expr, str]]:
        """Strings in live code that are not documentation, folded where they are assembled."""
        found: list[tuple[ast.expr, str]] = []
        for node in self.live(ast.Constant, ast.JoinedStr, ast.BinOp):
            if node not in self.documentation and not self._is_part(node):
                found += [(node, text) for text in sorted(self.strings(node))]
        return found

    def _is_part(self, node: ast.expr) -> bool:
        return isinstance(self.parent(node), ast.BinOp | ast.JoinedStr | ast.FormattedValue)

    @cached_property
    def functions(self) -> list[Function]:
        """Functions the harness can reach."""
        return [function for function in self.layout.functions[1:] if function.live]

    @cached_property
    def classes(self) -> list[Class]:
        """Classes in live code."""
        return [
            owner
            for owner in self.layout.classes.values()
            if self.function_of(owner.node).live and not self.layout.place[owner.node].guarded
        ]

    @cached_property
    def _mentions(self) -> Counter[str]:
        return Counter(name for f in self.layout.functions if f.live for name in f.mentions)

    def is_used(self, function: Function) -> bool:
        """Whether live code mentions the function, apart from the function itself."""
        return self._mentions[function.name] > (function.name in function.mentions)

    def bound(self, node: ast.Name) -> list[Binding]:
        """Everything a name is bound to where it stands."""
        return self._names.bindings.bound(node)

    def is_parameter(self, node: ast.Name) -> bool:
        """Whether a name is a parameter where it stands."""
        return any(b.parameter is not None for b in self.bound(node))

    def assigned(self, node: ast.expr) -> list[ast.expr]:
        """Expressions a name or an attribute of `self` is bound to."""
        if isinstance(node, ast.Name):
            scope = self.layout.place[node].scope.find(node.id)
            bound = scope.bindings[node.id] if scope else []
        elif isinstance(node, ast.Attribute):
            bound = self._names.members(node)
        else:
            return []
        found: list[ast.expr] = []
        for binding in bound[:16]:
            whole = [binding.element[0]] if binding.element else []  # `a, b = call()`
            found += self._names.bindings.values(binding) or whole
        return found

    def literal(self, node: ast.expr) -> Any:
        """The value of an expression made of literals, or None where it depends on more."""
        return self._names.literals.of(node)

    @cached_property
    def opaque(self) -> bool:
        """Whether it runs code that could not be read: what is missing may be there."""
        return is_opaque(self)

    @cached_property
    def links(self) -> Links:
        """Which calls write to what, and which of them launch kernels."""
        return Links(self)

    @cached_property
    def answer(self) -> Answer:
        """What the returned values of the entry are made from."""
        return Answer(self, [value for function in self.entries for value in function.returns])

    def below(self, node: ast.AST, limit: int = 400) -> Iterator[ast.AST]:
        """A node and what it holds, breadth first; only so many, so that it stays linear."""
        pending, count = [node], 0
        while pending and count < limit:
            following: list[ast.AST] = []
            for found in pending:
                yield found
                count += 1
                if count >= limit:
                    return
                following += children(found)
            pending = following

    def reached_names(self, node: ast.Call) -> Strings:
        """Names a call may stand for, and those called by the submission's own callee."""
        found = set(self.names(node.func))
        for own in [f for name in sorted(found) if (f := self.function(name))][:4]:
            for part in self.below(own.node):
                if isinstance(part, ast.Call):
                    found |= self.names(part.func)
        return frozenset(found)

    def words(self, node: ast.expr) -> set[str]:
        """Attributes and names in an expression, and in what its names are bound to."""
        found = set[str]()
        for value in [node, *self.assigned(node)]:
            for part in self.below(value):
                if isinstance(part, ast.Attribute):
                    found.add(part.attr)
                elif isinstance(part, ast.Name):
                    found.add(part.id)
        return found

    @cached_property
    def documentation(self) -> frozenset[ast.AST]:
        """Strings that stand alone as statements: docstrings."""
        return frozenset(
            node.value
            for node in self.layout.nodes(ast.Expr)
            if isinstance(node.value, ast.Constant)
        )

    @cached_property
    def device(self) -> DeviceCode:
        """C++ and CUDA that the submission carries."""
        return device_code(self)

    @cached_property
    def lines(self) -> list[str]:
        return self.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    def span(self, node: ast.AST) -> Span:
        """Where a node stands, in characters."""
        line: int = getattr(node, "lineno", 1)
        end_line: int = getattr(node, "end_lineno", None) or line
        start: int = getattr(node, "col_offset", 0)
        end: int = getattr(node, "end_col_offset", None) or start + 1
        return Span(line, self.column(line, start), end_line, self.column(end_line, end))

    def line_span(self, number: int) -> Span:
        """All of one line."""
        return Span(number, 1, number, len(self.lines[number - 1]) + 1)

    def column(self, line: int, offset_bytes: int) -> int:
        """The column, from 1, at a byte offset; `ast` counts UTF-8 bytes."""
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        if text.isascii():
            return offset_bytes + 1
        return len(text.encode()[:offset_bytes].decode(errors="ignore")) + 1
