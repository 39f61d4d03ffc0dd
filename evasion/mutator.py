"""What a mutator is: one way to write the same program so that it reads differently.

Trees are CPython's own `ast`, rendered with `ast.unparse`. libcst would keep comments and layout,
but nothing here needs them: a mutant whose comments are gone is still the same program, and the
mutators of layout work on the text.
"""

import ast
import warnings
from abc import ABC, abstractmethod
from random import Random


class Mutator(ABC):
    """One way to rewrite a program without changing what it does."""

    name: str
    """In kebab-case, what the mutant looks like: `getattr-reversed`."""

    @abstractmethod
    def mutate(self, text: str, rng: Random) -> str | None:
        """The program written differently, or None where this way does not apply to it."""


class TreeMutator(Mutator):
    """A mutator of Python trees. Whole `.cu` files and trees too deep to walk are left alone."""

    def mutate(self, text: str, rng: Random) -> str | None:
        """The rewritten program, with the lines of its `#!` header kept."""
        tree = parsed(text)
        if tree is None:
            return None
        try:
            rewritten = self.rewrite(tree, rng)
            return None if rewritten is None else rendered(rewritten, text)
        except (RecursionError, ValueError):
            # Too deep to walk, or an f-string that unparse can't nest quotes in before Python 3.12.
            return None

    @abstractmethod
    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """The rewritten tree, or None where there is nothing to rewrite."""


def parsed(text: str) -> ast.Module | None:
    """The tree of a Python file; None for anything else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def not_python(text: str) -> bool:
    """Whether the parser rejects it; a file that is only too deep for it is Python all the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except SyntaxError:
            return True
        except (ValueError, RecursionError, MemoryError):
            return False
    return False


def rendered(tree: ast.Module, original: str = "") -> str:
    """The tree as text, under the header that the harness reads (`#!POPCORN ...`)."""
    header = [line for line in original.splitlines()[:5] if line.startswith("#!")]
    return "\n".join([*header, ast.unparse(ast.fix_missing_locations(tree)), ""])
