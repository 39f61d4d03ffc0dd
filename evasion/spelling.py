"""Ways to write a string so that it is whole only at run time."""

import ast
import base64
import codecs
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from integrity.evasion.modules import expression


@dataclass(frozen=True)
class Spelling:
    """One way to write a string."""

    name: str
    write: Callable[[str, Random], str]
    """The source of an expression with that value."""

    needs: str = ""
    """An import that the expression uses."""

    def spell(self, text: str, rng: Random) -> ast.expr:
        """The expression."""
        return expression(self.write(text, rng))


def pieces(text: str, rng: Random, most: int = 4) -> list[str]:
    """The text cut at random places, in two or more."""
    if len(text) < 2:
        return [text, ""]
    count = min(len(text) - 1, rng.randint(1, most - 1))
    cuts = sorted(rng.sample(range(1, len(text)), count))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _concatenated(text: str, rng: Random) -> str:
    return " + ".join(map(repr, pieces(text, rng)))


def _f_string(text: str, rng: Random) -> str:
    return 'f"' + "".join("{" + repr(piece) + "}" for piece in pieces(text, rng)) + '"'


def _replaced(text: str, rng: Random) -> str:
    gone = rng.choice(text)
    return f"{text.replace(gone, '@')!r}.replace('@', {gone!r})"


def _sliced(text: str, rng: Random) -> str:
    woven = "".join(letter + rng.choice("abcdefghij") for letter in text)
    return f"{woven!r}[::2]"


def _shifted(text: str, rng: Random) -> str:
    key = rng.randint(1, 31)
    return f"''.join(chr(code ^ {key}) for code in {[ord(letter) ^ key for letter in text]})"


def _looked_up(text: str, rng: Random) -> str:
    letters = "".join(rng.sample(sorted(set(text)), len(set(text))))
    return f"''.join({letters!r}[index] for index in {[letters.index(c) for c in text]})"


def _b64(text: str, rng: Random) -> str:
    return f"base64.b64decode({base64.b64encode(text.encode())!r}).decode()"


LITERAL = Spelling("literal", lambda text, rng: repr(text))
CONCATENATED = Spelling("concatenated", _concatenated)
REVERSED = Spelling("reversed", lambda text, rng: f"{text[::-1]!r}[::-1]")
JOINED = Spelling("joined", lambda text, rng: f"''.join({pieces(text, rng, 6)})")
BASE64 = Spelling("base64", _b64, "import base64")
FORMATTED = Spelling(
    "formatted",
    lambda text, rng: "'{0}{1}'.format(" + ", ".join(map(repr, pieces(text, rng, 2))) + ")",
)
SPELLINGS = (
    LITERAL,
    CONCATENATED,
    REVERSED,
    JOINED,
    BASE64,
    FORMATTED,
    Spelling("characters", lambda text, rng: " + ".join(f"chr({ord(c)})" for c in text)),
    Spelling("mapped-characters", lambda text, rng: f"''.join(map(chr, {[*map(ord, text)]}))"),
    Spelling("f-string", _f_string),
    Spelling(
        "rot13",
        lambda text, rng: f"codecs.decode({codecs.encode(text, 'rot13')!r}, 'rot13')",
        "import codecs",
    ),
    Spelling("hex", lambda text, rng: f"bytes.fromhex({text.encode().hex()!r}).decode()"),
    Spelling("bytes", lambda text, rng: f"bytes({[*text.encode()]}).decode()"),
    Spelling(
        "percent", lambda text, rng: "'%s%s' % (" + ", ".join(map(repr, pieces(text, rng, 2))) + ")"
    ),
    Spelling("replaced", _replaced),
    Spelling("sliced", _sliced),
    Spelling("shifted", _shifted),
    Spelling("looked-up", _looked_up),
)
