"""Mutants of one submission, the same for the same seed."""

import symtable
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from integrity.evasion import (
    attributes,
    decoys,
    extension,
    imports,
    layout,
    names,
    native,
    payloads,
    renaming,
    sources,
    state,
    stores,
    wrappers,
)
from integrity.evasion.mutator import Mutator, parsed

GROUPS = (
    imports,
    names,
    attributes,
    stores,
    wrappers,
    state,
    renaming,
    layout,
    decoys,
    payloads,
    sources,
    native,
    extension,
)
SINGLE: tuple[Mutator, ...] = tuple(each for group in GROUPS for each in group.MUTATORS)


OPAQUE = (payloads, extension)
"""What these hide no later mutator can see: it would rename what they still refer to."""


@dataclass(frozen=True)
class Combined(Mutator):
    """Two or three mutators, one after another; what hides the source comes last."""

    name: str
    parts: Sequence[Mutator] = SINGLE

    def mutate(self, text: str, rng: Random) -> str | None:
        """None unless at least two of those drawn apply."""
        hidden = {each for group in OPAQUE for each in group.MUTATORS}
        wanted = rng.randint(2, 3)
        drawn = rng.sample(list(self.parts), min(24, len(self.parts)))
        applied = 0
        for mutator in drawn:
            last = applied == wanted - 1
            if mutator in hidden and not last:
                continue
            made = mutator.mutate(text, rng)
            if made is not None and made != text and sound(made):
                text, applied = made, applied + 1
            if applied == wanted:
                break
        return text if applied >= 2 else None


MUTATORS: tuple[Mutator, ...] = (*SINGLE, *(Combined(f"combined-{n}") for n in range(1, 7)))


@dataclass(frozen=True, slots=True)
class Mutant:
    """A submission written differently."""

    mutator: str
    text: str


def sound(text: str) -> bool:
    """Whether it is a Python file whose scopes hold together; nothing is executed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            symtable.symtable(text, "<mutant>", "exec")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def mutants(
    text: str, seed: str, mutators: Sequence[Mutator] = MUTATORS, most: int | None = None
) -> Iterator[Mutant]:
    """What each mutator makes of the text, each text once, the original never.

    Args:
        text: a Python file, or a whole `.cu` file.
        seed: with the mutator's name it decides every random choice.
        mutators: which to apply, in this order.
        most: at most as many, drawn from those that apply.
    """
    is_python = parsed(text) is not None
    seen = {text}
    order = list(mutators)
    if most is not None:
        Random(seed).shuffle(order)
    for mutator in order:
        if most is not None and len(seen) > most:
            return
        made = mutator.mutate(text, Random(f"{seed}:{mutator.name}"))
        if made is None or made in seen or (is_python and not sound(made)):
            continue
        seen.add(made)
        yield Mutant(mutator.name, made)
