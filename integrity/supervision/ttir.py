"""Triton's IR read as facts: what is loaded, what is stored, what is multiplied in which type.

The text comes from a worker and may be forged. It is read line by line, once, and whatever is not
understood counts as a load and a store of every pointer in it: doubt never accuses.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from integrity.compiled import Mma

_MAX_LINES = 40_000
_MAX_LINE = 20_000
_MAX_EDGES = 300_000
"""Far beyond any kernel; a forged text could have a hundred results on every line."""

_VALUE = re.compile(r"%[\w$.\-]+(?:#\d+)?")
_PARAMETER = re.compile(r"%([\w$.\-]+): (![^\s,)]+|\w+)")
_BOUND = re.compile(r"(%[\w$.\-]+) = (%[\w$.\-#]+)")
_BLOCK_ARGUMENT = re.compile(r"(%[\w$.\-]+):")
_OPERATION = re.compile(r'"?([a-z_]+\.[\w.]+)"?')
_ELEMENT = re.compile(r"tensor<(?:\d+x)*([\w!.]+)")

_LOADS = {
    "tt.load",
    "tt.descriptor_load",
    "tt.experimental_descriptor_load",
    "tt.descriptor_gather",
}
_STORES = {"tt.store", "tt.descriptor_store", "tt.experimental_descriptor_store",
           "tt.descriptor_scatter"}  # fmt: skip
_BOTH = {"tt.atomic_rmw", "tt.atomic_cas", "tt.descriptor_reduce"}
_MOVES_POINTERS = {
    "tt.addptr", "tt.splat", "tt.broadcast", "tt.expand_dims", "tt.reshape", "tt.trans", "tt.cat",
    "tt.join", "tt.split", "tt.advance", "tt.make_tensor_ptr", "tt.make_tensor_descriptor",
    "tt.bitcast", "tt.ptr_to_int", "tt.int_to_ptr", "tt.return", "tt.unsplat", "ub.poison",
}  # fmt: skip
_NARROWS = {"arith.truncf", "tt.fp_to_fp"}
_WIDENS = {"arith.extf", "tt.fp_to_fp"}
_ARITHMETIC = {
    "arith.addf", "arith.subf", "arith.mulf", "arith.divf", "math.fma", "math.exp", "math.exp2",
    "math.log", "math.sqrt", "math.rsqrt", "math.tanh",
}  # fmt: skip
NARROW = {"f16", "bf16", "f8E4M3FN", "f8E5M2", "f8E4M3FNUZ", "f8E5M2FNUZ", "f8E4M3B11FNUZ"}


@dataclass(slots=True)
class Facts:
    """What one module does."""

    parameters: list[tuple[str, str]] = field(default_factory=list)
    """Name and type of the kernel's own, in order: `("x_ptr", "!tt.ptr<f32>")`."""

    loaded: set[str] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)
    loads: int = 0
    stores: int = 0
    mma: tuple[Mma, ...] = ()
    narrow_operations: int = 0
    round_trips: int = 0
    splits: bool = False
    understood: bool = True
    """False where the text is no Triton IR, or too large: then nothing follows from it."""

    has_assembly: bool = False
    """Inline assembly may do what none of the other lines says."""


def read(text: str) -> Facts:
    """The facts in a module's text. Never raises; linear in the text."""
    lines = text.split("\n", _MAX_LINES + 1)
    if len(lines) > _MAX_LINES or "tt.func" not in text:
        return Facts(understood=False)
    reader = _Reader()
    for line in lines:
        if len(line) > _MAX_LINE or reader.edges > _MAX_EDGES:
            return Facts(understood=False)
        reader.take(line.strip())
    return reader.finish()


@dataclass(slots=True)
class _Region:
    """Where a `scf.yield` goes: out of the operation, and round the loop."""

    results: list[str]
    carried: list[str]


class _Reader:
    def __init__(self) -> None:
        self.facts = Facts()
        self._flows: dict[str, set[str]] = defaultdict(set)
        self._made_by: dict[str, tuple[str, str]] = {}
        self._regions: list[_Region] = []
        self._knots = 0
        self.edges = 0
        self._loaded: set[str] = set()
        self._stored: set[str] = set()
        self._mma: Counter[tuple[str, str, str]] = Counter()

    def take(self, line: str) -> None:
        """One line, stripped."""
        if line.startswith("tt.func"):
            self._function(line)
        elif line.startswith("^"):
            self._block(line)
        elif line and not line.startswith(("#", "module", "//")):
            self._statement(line)

    def _function(self, line: str) -> None:
        parameters = _PARAMETER.findall(line)
        if " public " in line and not self.facts.parameters:
            self.facts.parameters = parameters
        self._regions = [_Region([], [])]

    def _block(self, line: str) -> None:
        for argument in _BLOCK_ARGUMENT.findall(line):
            self._flows["^"].add(argument)

    def _statement(self, line: str) -> None:
        opens = line.endswith("{")
        if line.startswith("}"):
            if not opens and self._regions:  # `} else {` leads to one more region of the same
                self._regions.pop()
            return
        place = line.rfind(" loc(")
        body = line if place < 0 else line[:place]
        results, operation, rest = _parts(body)
        if not operation:
            return
        operands = _VALUE.findall(rest)
        self._follow(results, operation, rest, operands)
        self._classify(results, operation, rest, operands)
        if opens:
            carried = [left for left, _ in _BOUND.findall(_carried(operation, rest))]
            self._regions.append(_Region(results, carried))

    def _follow(
        self, results: Sequence[str], operation: str, rest: str, operands: Sequence[str]
    ) -> None:
        if operation in {"scf.for", "scf.while"}:
            pairs = _BOUND.findall(_carried(operation, rest))
            self._flow_in_order([right for _, right in pairs], [left for left, _ in pairs])
            self._flow_in_order([right for _, right in pairs], results)
        elif operation == "scf.yield":
            region = self._regions[-1] if self._regions else _Region([], [])
            self._flow_in_order(operands, region.carried)
            self._flow_in_order(operands, region.results)
        elif operation == "scf.condition" or operation.startswith("cf."):
            region = self._regions[-1] if self._regions else _Region([], [])
            self._flow(operands, ["^", *region.results])
        # What was loaded is data. Only a table of pointers holds addresses.
        elif operation not in _LOADS | _BOTH or "ptr<!tt" in rest:
            self._flow(operands, results)

    def _flow_in_order(self, operands: Sequence[str], aims: Sequence[str]) -> None:
        if len(operands) != len(aims):
            return self._flow(operands, aims)
        self.edges += len(operands)
        for operand, aim in zip(operands, aims, strict=True):
            self._flows[operand].add(aim)

    def _flow(self, operands: Sequence[str], aims: Sequence[str]) -> None:
        """Each into all, by way of one knot: so many edges as there are names, not pairs."""
        if not operands or not aims:
            return
        self._knots += 1
        self.edges += len(operands) + len(aims)
        knot = f"knot {self._knots}"
        self._flows[knot].update(aims)
        for operand in operands:
            self._flows[operand].add(knot)

    def _classify(
        self, results: Sequence[str], operation: str, rest: str, operands: Sequence[str]
    ) -> None:
        first = operands[0] if operands else ""
        if operation in _LOADS | _BOTH:
            self.facts.loads += 1
            self._loaded.add(first)
        if operation in _STORES | _BOTH:
            self.facts.stores += 1
            self._stored.add(first)
            # An address that is stored, or packed into a descriptor's operands, gets out of sight.
            self._loaded |= set(operands[1:])
        if operation.startswith("tt.dot"):
            self._multiply(operation, rest)
        elif not _is_known(operation):
            self.facts.has_assembly |= "asm" in operation
            self._loaded |= set(operands)
            self._stored |= set(operands)
        self._narrow(results, operation, rest, operands)

    def _multiply(self, operation: str, rest: str) -> None:
        elements = _ELEMENT.findall(rest)
        if operation == "tt.dot_scaled" or len(elements) < 3:
            inputs = rest.partition("lhs = ")[2].partition(" ")[0] or "unknown"
            accumulator = elements[-1] if elements else "unknown"
            self._mma[inputs[:20], accumulator, ""] += 1
            return
        inputs = next((each for each in elements[:2] if each in NARROW), elements[0])
        precision = rest.partition("inputPrecision = ")[2].partition(" ")[0]
        precision = precision if inputs == "f32" else ""
        self._mma[inputs[:20], elements[-1][:20], precision[:20]] += 1

    def _narrow(
        self, results: Sequence[str], operation: str, rest: str, operands: Sequence[str]
    ) -> None:
        for result in results:
            self._made_by[result] = (operation, operands[0] if operands else "")
        element = _last_element(rest)
        if operation in _ARITHMETIC and element in NARROW:
            self.facts.narrow_operations += 1
        if operation in _WIDENS and element not in NARROW and self._was_narrowed(operands):
            self.facts.round_trips += 1
        if operation == "arith.subf" and any(
            self._made_by.get(operand, ("", ""))[0] in _WIDENS
            and self._was_narrowed([self._made_by[operand][1]])
            for operand in operands
        ):
            self.facts.splits = True

    def _was_narrowed(self, operands: Sequence[str]) -> bool:
        made = self._made_by.get(operands[0], ("", ""))[0] if operands else ""
        return made in _NARROWS

    def finish(self) -> Facts:
        """The facts, once every line was taken."""
        facts = self.facts
        for name, kind in facts.parameters:
            if "!tt." in kind:
                reached = self._reached(f"%{name}")
                if reached & self._loaded:
                    facts.loaded.add(name)
                if reached & self._stored:
                    facts.stored.add(name)
        facts.stores += len(facts.stored) if not facts.stores else 0  # doubtful ones
        facts.mma = tuple(
            Mma(inputs, accumulator, precision, count)
            for (inputs, accumulator, precision), count in sorted(self._mma.items())
        )
        return facts

    def _reached(self, start: str) -> set[str]:
        reached, waiting = {start}, [start]
        while waiting:
            for aim in self._flows.get(waiting.pop(), ()):
                if aim not in reached:
                    reached.add(aim)
                    waiting.append(aim)
        return reached


def _carried(operation: str, rest: str) -> str:
    """The part of a loop's line that names what goes round it."""
    return rest.partition("iter_args(")[2] if operation == "scf.for" else rest


def _parts(body: str) -> tuple[list[str], str, str]:
    """Results, operation and the rest of a statement."""
    results: list[str] = []
    if body.startswith("%"):
        left, _, body = body.partition(" = ")
        for name in left.split(","):
            results += _results(name.strip())
    found = _OPERATION.match(body)
    if not found:
        return results, "", ""
    return results, found.group(1), body[found.end() :]


def _results(name: str) -> list[str]:
    """`%acc:3` defines `%acc#0`, `%acc#1` and `%acc#2`."""
    name, _, count = name.partition(":")
    if not (count.isascii() and count.isdigit() and len(count) < 3):
        return [name]
    return [f"{name}#{number}" for number in range(int(count))]


def _last_element(rest: str) -> str:
    elements = _ELEMENT.findall(rest)
    if elements:
        return str(elements[-1])
    return rest.rpartition(" ")[2]


def _is_known(operation: str) -> bool:
    """Whether it is plain that this touches no memory that its operands point to."""
    if operation in _LOADS | _STORES | _BOTH | _MOVES_POINTERS:
        return True
    return operation.startswith(("arith.", "math.", "scf.", "cf.")) or operation in _PURE


_PURE = {
    "tt.get_program_id", "tt.get_num_programs", "tt.make_range", "tt.reduce", "tt.scan",
    "tt.reduce.return", "tt.scan.return", "tt.fp_to_fp", "tt.clampf", "tt.gather", "tt.histogram",
    "tt.mulhiui", "tt.precise_sqrt", "tt.precise_divf", "tt.assert", "tt.print", "gpu.barrier",
}  # fmt: skip


def pointer_elements(parameters: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Name and element type of the parameters that point somewhere."""
    for name, kind in parameters:
        if kind.startswith("!tt.ptr<"):
            yield name, kind[len("!tt.ptr<") :].partition(",")[0].rstrip(">")
        elif kind.startswith("!tt."):
            yield name, kind.partition("<")[2].rpartition("x")[2].partition(",")[0].rstrip(">")
