"""The end of a kernel file: its `run` under the name and the convention of the harness."""

from textwrap import indent

from integrity.search.formula import Formula


def wrapped(formula: Formula, entry: str) -> str:
    """Source of the entry, which calls `run(*inputs, *weights, *scalars)`."""
    inputs = ", ".join(formula.inputs)
    if formula.init or formula.weights or formula.scalars or entry[:1].isupper():
        return _module(formula, entry, inputs)
    if formula.unpacks:
        return f"def {entry}(data):\n    {inputs} = data\n    return run({inputs})\n"
    return f"def {entry}({inputs}):\n    return run({inputs})\n"


def _module(formula: Formula, entry: str, inputs: str) -> str:
    """The constructor is the reference's, so that the weights have its names."""
    attributes = [f"self.{name}" for name in (*formula.weights, *formula.scalars)]
    given = ", ".join([inputs, *attributes])
    init = indent(formula.init, "    ") + "\n\n" if formula.init else ""
    return (
        f"class {entry}(nn.Module):\n{init}"
        f"    def forward(self, {inputs}):\n        return run({given})\n"
    )
