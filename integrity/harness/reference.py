"""Reading a reference and the modules it imports. Nothing here is run."""

import ast
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from integrity.errors import BadInput
from integrity.harness.outline import Outline, flat
from integrity.submission import Submission

INSTALLED = frozenset({"torch", "numpy", "triton", "cupy", "torchvision", "scipy", "einops"})
"""Never taken from beside a reference: a `torch.py` there must not stand in for the library."""

MAX_MODULES = 32


@dataclass(frozen=True, slots=True)
class Reference:
    """Text that defines what a harness needs, and where it came from."""

    text: str
    path: Path
    trusted: bool = True

    @property
    def outline(self) -> Outline:
        return Outline.of(self.text)


def read_source(path: Path) -> str:
    """The text of a file of the problem.

    Raises:
        BadInput: there is none, or it is empty or not text.
    """
    if not path.exists():
        raise BadInput(f"reference {path} does not exist; check --reference")
    if path.is_dir():
        raise BadInput(f"reference {path} is a directory; name the file with --reference")
    if path.is_file() and not path.stat().st_size:
        raise BadInput(f"reference {path} is empty; give the file that defines the reference")
    source = Submission.read(path)
    if source.unreadable:
        raise BadInput(f"reference {path} {source.unreadable}; give a Python source file")
    return source.text


def same_file(one: Path, other: Path) -> bool:
    """Whether both paths name one existing file."""
    return one.exists() and other.exists() and one.samefile(other)


def modules(roots: Iterable[str], places: Mapping[str, Path]) -> dict[str, str]:
    """Modules among `places` that these sources import, and those import, by name."""
    found: dict[str, str] = {}
    todo = list(roots)
    while todo and len(found) < MAX_MODULES:
        for name in sorted(_imported(Outline.of(todo.pop()))):
            if name in places and name not in found and _may_travel(name):
                found[name] = read_source(places[name])
                todo.append(found[name])
    return found


def beside(path: Path, submission: Path) -> dict[str, Path]:
    """The modules in a reference's folder, but never the submission itself."""
    return {
        other.stem: other
        for other in sorted(path.parent.glob("*.py"))
        if other.stem != path.stem and other.is_file() and not same_file(other, submission)
    }


def _may_travel(name: str) -> bool:
    return name not in INSTALLED and name not in sys.stdlib_module_names


def _imported(outline: Outline) -> set[str]:
    names: set[str] = set()
    for statement in outline.statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.Import):
                names.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    return names


def parameters(outline: Outline, function: str) -> tuple[str, ...]:
    """Parameters of a top-level function that have no default."""
    for statement in flat(outline.statements):
        if isinstance(statement, ast.FunctionDef) and statement.name == function:
            declared = statement.args
            positional = [*declared.posonlyargs, *declared.args]
            required = positional[: len(positional) - len(declared.defaults)]
            keyword = zip(declared.kwonlyargs, declared.kw_defaults, strict=True)
            required += [name for name, default in keyword if default is None]
            return tuple(name.arg for name in required)
    return ()
