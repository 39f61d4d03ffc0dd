"""Expressions written out in a language, each distinct operation once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from integrity.search.formula import Apply, Expression, Leaf, children

C = {
    "abs": "fabsf({0})",
    "add": "({0} + {1})",
    "div": "({0} / {1})",
    "exp": "fast_exp({0})",
    "log": "logf({0})",
    "maximum": "({0} > {1} ? {0} : {1})",
    "minimum": "({0} < {1} ? {0} : {1})",
    "mul": "({0} * {1})",
    "neg": "(-{0})",
    "relu": "({0} > 0.0f ? {0} : 0.0f)",
    "rsqrt": "(1.0f / sqrtf({0}))",
    "sigmoid": "(1.0f / (1.0f + fast_exp(-{0})))",
    "silu": "({0} / (1.0f + fast_exp(-{0})))",
    "sqrt": "sqrtf({0})",
    "square": "({0} * {0})",
    "sub": "({0} - {1})",
    "tanh": "(1.0f - 2.0f / (fast_exp(2.0f * {0}) + 1.0f))",
}
TRITON = C | {
    "abs": "tl.abs({0})",
    "exp": "tl.exp({0})",
    "log": "tl.log({0})",
    "maximum": "tl.maximum({0}, {1})",
    "minimum": "tl.minimum({0}, {1})",
    "relu": "tl.maximum({0}, 0.0)",
    "rsqrt": "tl.rsqrt({0})",
    "sigmoid": "tl.sigmoid({0})",
    "silu": "({0} * tl.sigmoid({0}))",
    "sqrt": "tl.sqrt({0})",
    "tanh": "(2.0 * tl.sigmoid(2.0 * {0}) - 1.0)",
}
"""How an operation on operands that are names or numbers is written."""


@dataclass(slots=True)
class Writer:
    """Writes expressions as statements; what was written before is referred to by its name."""

    words: Mapping[str, str]
    declare: str
    """How a temporary is defined: `const float {0} = {1};`."""

    number: str
    """How a number is written: `{0!r}f`."""

    known: dict[Expression, str] = field(default_factory=dict)
    """Names of what has a value already: loaded operands, results of reductions."""

    lines: list[str] = field(default_factory=list)

    def inside(self) -> "Writer":
        """A writer for a loop's body: it knows what is known here, and nothing it learns stays."""
        return Writer(self.words, self.declare, self.number, dict(self.known))

    def write(self, node: Expression) -> str:
        """The name or number that stands for the node's value."""
        if node in self.known:
            return self.known[node]
        if isinstance(node, Leaf) and node.kind == "number":
            return self.number.format(node.value)
        assert isinstance(node, Apply), node
        operands = [self.write(child) for child in children(node)]
        name = f"v{len(self.known)}"
        text = self.words[node.operation].format(*operands)
        self.lines.append(self.declare.format(name, text))
        self.known[node] = name
        return name
