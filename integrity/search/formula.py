"""What a problem's reference computes, as an expression. Read from its source; nothing is run.

Only straight-line functions of torch operations along the last dimension are understood, and one
matrix product. A formula read wrongly costs time and nothing else: its kernels fail every check.
"""

import ast
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from integrity.errors import BadInput
from integrity.problem import Convention, Problem

_POINTWISE = {
    "abs", "add", "div", "exp", "log", "maximum", "minimum", "mul", "neg", "relu", "rsqrt",
    "sigmoid", "silu", "sqrt", "square", "sub", "tanh",
}  # fmt: skip
_REDUCTIONS = {"sum": "sum", "mean": "mean", "amax": "max"}
_BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}
_PRODUCTS = {"matmul", "mm"}
_UNCHANGED = {"contiguous", "clone", "detach"}
_DEEPEST = 200


@dataclass(frozen=True, slots=True)
class Leaf:
    """An operand. `kind` is `input`, `weight` or `scalar`, each with its index; or `number`."""

    kind: str
    index: int = 0
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Apply:
    """A pointwise operation."""

    operation: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Reduce:
    """`sum`, `mean` or `max` over the last dimension."""

    operation: str
    argument: "Expression"
    keeps: bool


@dataclass(frozen=True, slots=True)
class Product:
    """Rows of the left input times the right matrix."""

    left: Leaf
    right: Leaf


Expression = Leaf | Apply | Reduce | Product


@dataclass(frozen=True, slots=True)
class Formula:
    """A reference's result, and how its operands are called there."""

    root: Expression
    inputs: tuple[str, ...]
    weights: tuple[str, ...]
    """Parameters of the module, by attribute: vectors along the last dimension, or a matrix."""

    scalars: tuple[str, ...]
    """Other attributes of the module."""

    steps: tuple[Expression, ...] = ()
    """What the reference gives a name, in order: where an unfused kernel stops to store."""

    unpacks: bool = False
    """Whether the harness's one argument is a tuple of the inputs."""

    init: str = ""
    """Source of the module's constructor; empty for a plain function."""


def children(node: Expression) -> tuple[Expression, ...]:
    """The operands of a node."""
    if isinstance(node, Apply):
        return node.arguments
    if isinstance(node, Reduce):
        return (node.argument,)
    return (node.left, node.right) if isinstance(node, Product) else ()


def nodes(root: Expression) -> Iterator[Expression]:
    """Every distinct node, operands before what uses them."""
    seen: set[Expression] = set()

    def walk(node: Expression) -> Iterator[Expression]:
        if node not in seen:
            seen.add(node)
            for child in children(node):
                yield from walk(child)
            yield node

    return walk(root)


def by_column(node: Expression) -> bool:
    """Whether its value differs along the last dimension."""
    if isinstance(node, Leaf):
        return node.kind in {"input", "weight"}
    return not isinstance(node, Reduce) and (
        isinstance(node, Product) or any(map(by_column, children(node)))
    )


def formula_of(problem: Problem) -> Formula:
    """The formula of a problem's reference.

    Raises:
        BadInput: it does something that is not understood here.
    """
    try:
        tree = ast.parse(problem.sources["reference"])
        return _read(tree, problem)
    except (SyntaxError, _Unknown, RecursionError) as error:
        raise BadInput(
            f"the offline proposer can't read the formula of this reference: {error}; start from a "
            "kernel of your own with --start, or take --proposer openai or replay"
        ) from error


class _Unknown(Exception):
    """Something that no formula here has."""


def _read(tree: ast.Module, problem: Problem) -> Formula:
    named = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)}
    target = named.get(problem.reference)
    if isinstance(target, ast.FunctionDef):
        reader = _Reader(_arguments(target))
        return reader.formula(target.body, problem.convention is Convention.DATA)
    methods = {n.name: n for n in getattr(target, "body", ()) if isinstance(n, ast.FunctionDef)}
    if "forward" not in methods:
        raise _Unknown(f"{problem.reference} is neither a function nor a class with forward")
    init = methods.get("__init__")
    forward = methods["forward"]
    reader = _Reader(_arguments(forward)[1:], _parameters(init))
    return reader.formula(forward.body, False, ast.unparse(init) if init else "")


def _arguments(function: ast.FunctionDef) -> list[str]:
    return [each.arg for each in function.args.args]


def _parameters(init: ast.FunctionDef | None) -> frozenset[str]:
    """Attributes that the constructor makes an `nn.Parameter`."""
    found = set()
    for node in ast.walk(init) if init else ():
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            target, called = node.targets[0], node.value.func
            last = called.attr if isinstance(called, ast.Attribute) else ""
            if isinstance(target, ast.Attribute) and last == "Parameter":
                found.add(target.attr)
    return frozenset(found)


@dataclass(slots=True)
class _Reader:
    """Follows a function's statements."""

    arguments: Sequence[str]
    parameters: frozenset[str] = frozenset()
    names: dict[str, Expression] = field(default_factory=dict)
    weights: list[str] = field(default_factory=list)
    scalars: list[str] = field(default_factory=list)
    steps: list[Expression] = field(default_factory=list)
    unpacked: list[str] = field(default_factory=list)

    def formula(self, body: Sequence[ast.stmt], data: bool, init: str = "") -> Formula:
        """Of these statements; `data` where the one argument may be a tuple."""
        self.names.update({name: Leaf("input", n) for n, name in enumerate(self.arguments)})
        for statement in body:
            match statement:
                case ast.Return(value=ast.expr() as value):
                    root = self.read(value)
                    inputs = self.unpacked or self.arguments
                    return Formula(
                        root, tuple(inputs), tuple(self.weights), tuple(self.scalars),
                        tuple(self.steps), bool(self.unpacked), init,
                    )  # fmt: skip
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._name(name, self.read(value))
                case ast.Assign(targets=[ast.Tuple() as names], value=ast.Name(id=name)) if (
                    data and name == self.arguments[0]
                ):
                    self._unpack(names)
                case ast.Expr(value=ast.Constant()):
                    pass
                case _:
                    raise _Unknown(f"line {statement.lineno} is no assignment to one name")
        raise _Unknown("it returns nothing")

    def _name(self, name: str, value: Expression) -> None:
        self.names[name] = value
        if isinstance(value, Apply):
            self.steps.append(value)

    def _unpack(self, names: ast.Tuple) -> None:
        for number, each in enumerate(names.elts):
            if not isinstance(each, ast.Name):
                raise _Unknown("the inputs are unpacked into something else than names")
            self.names[each.id] = Leaf("input", number)
            self.unpacked.append(each.id)

    def read(self, node: ast.expr, depth: int = 0) -> Expression:
        if depth > _DEEPEST:
            raise _Unknown("an expression is too deep")
        if (number := _constant(node)) is not None:
            return Leaf("number", value=number)
        match node:
            case ast.Name(id=name) if name in self.names:
                return self.names[name]
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                return self._attribute(name)
            case ast.BinOp(op=ast.MatMult(), left=left, right=right):
                return _product(self.read(left, depth + 1), self.read(right, depth + 1))
            case ast.BinOp(op=ast.Pow(), left=left, right=ast.Constant(value=2)):
                return Apply("square", (self.read(left, depth + 1),))
            case ast.BinOp(op=operation, left=left, right=right) if type(operation) in _BINARY:
                pair = self.read(left, depth + 1), self.read(right, depth + 1)
                return Apply(_BINARY[type(operation)], pair)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Apply("neg", (self.read(operand, depth + 1),))
            case ast.Call():
                return self._call(node, depth)
        raise _Unknown(f"`{ast.unparse(node)[:60]}`")

    def _attribute(self, name: str) -> Leaf:
        kind = "weight" if name in self.parameters else "scalar"
        known = self.weights if kind == "weight" else self.scalars
        if name not in known:
            known.append(name)
        return Leaf(kind, known.index(name))

    def _call(self, node: ast.Call, depth: int) -> Expression:
        if not isinstance(node.func, ast.Attribute):
            raise _Unknown(f"`{ast.unparse(node)[:60]}`")
        name, given = node.func.attr, list(node.args)
        if not _is_module(node.func.value):
            given.insert(0, node.func.value)
        options = {each.arg: each.value for each in node.keywords if each.arg}
        first = self.read(given[0], depth + 1)
        if name in _UNCHANGED:
            return first
        if name in _REDUCTIONS or name == "softmax":
            return _along(name, first, given[1:], options)
        if name == "pow" and len(given) == 2 and _constant(given[1]) == 2:
            return Apply("square", (first,))
        if name in {"clamp", "clip"}:
            return self._clamp(first, given[1:], options)
        arguments = (first, *(self.read(each, depth + 1) for each in given[1:]))
        if name in _PRODUCTS:
            return _product(*arguments)
        if name in _POINTWISE and not options:
            return Apply(name, arguments)
        raise _Unknown(f"`{name}`")

    def _clamp(
        self, first: Expression, given: Sequence[ast.expr], options: dict[str, ast.expr]
    ) -> Expression:
        bounds = dict(zip(("min", "max"), given, strict=False)) | options
        for side, operation in (("min", "maximum"), ("max", "minimum")):
            if side in bounds:
                first = Apply(operation, (first, self.read(bounds[side])))
        return first


def _is_module(node: ast.expr) -> bool:
    """`torch`, `F`, `torch.nn.functional`."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in {"torch", "F", "nn"}


def _along(
    name: str, operand: Expression, given: Sequence[ast.expr], options: dict[str, ast.expr]
) -> Expression:
    dimension = _constant(given[0] if given else options.get("dim", ast.Constant(None)))
    if dimension not in (-1, 1):
        raise _Unknown(f"`{name}` over another dimension than the last")
    keeps = options.get("keepdim", given[1] if len(given) > 1 else ast.Constant(False))
    if name != "softmax":
        kept = isinstance(keeps, ast.Constant) and keeps.value is True
        return Reduce(_REDUCTIONS[name], operand, kept)
    powers = Apply("exp", (Apply("sub", (operand, Reduce("max", operand, True))),))
    return Apply("div", (powers, Reduce("sum", powers, True)))


def _product(left: Expression, right: Expression) -> Product:
    if not (isinstance(left, Leaf) and isinstance(right, Leaf)):
        raise _Unknown("a matrix product of more than plain inputs and weights")
    return Product(left, right)


def _constant(node: ast.expr) -> float | None:
    """The value of an expression of plain numbers and `math`; None for any other."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return float(value)
        case ast.Attribute(value=ast.Name(id="math"), attr="pi"):
            return math.pi
        case ast.Call(func=ast.Attribute(value=ast.Name(id="math"), attr="sqrt"), args=[inner]):
            square = _constant(inner)
            return math.sqrt(square) if square is not None and square >= 0 else None
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            positive = _constant(inner)
            return -positive if positive is not None else None
        case ast.BinOp(op=ast.Div(), left=left, right=right):
            above, below = _constant(left), _constant(right)
            return above / below if above is not None and below else None
    return None
