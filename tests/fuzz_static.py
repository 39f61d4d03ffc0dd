"""Feeds the analyser files that nobody would write, and stops at the first that defeats it.

`make fuzz MINUTES=30`, or `python tests/fuzz_static.py --minutes 30 --seed 1`. A file defeats the
analyser if a scan fails inside, kills its process without saying so, or takes longer than its
budget; the file is then kept in `tests/seeds/`, where `tests/test_hostile_source.py` reads it
again for ever.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from integrity.corpora import cases
from integrity.rules import all_rules
from integrity.rules.analyser import Analyser
from integrity.submission import Submission

SEEDS = Path(__file__).parent / "seeds"
MAX_CHARACTERS = 1_000_000
BRACKETS = ("()", "[]", "{}", "<>")
TOKENS = (
    "def f(x):",
    "lambda:",
    "class A(A):",
    "yield",
    "await",
    "async",
    "match x:",
    "case _:",
    "if 1:",
    "try:",
    "except:",
    "finally:",
    "with a as b:",
    "import torch as t",
    "from x import *",
    "global g",
    "nonlocal n",
    "exec",
    "eval",
    "getattr",
    "setattr",
    "globals()",
    "__dict__",
    "__import__",
    "vars",
    "*",
    "**",
    "->",
    ":=",
    "...",
    "\\\n",
    "'''",
    '"""',
    "f'{",
    "}'",
    "b'\\x00'",
    "0x" + "f" * 50,
    "\t",
    "\r",
    "\f",
    "\ufeff",
    "\u202e",
    "\u0000",
    "é",
    "\U0001d556",
    "\ud7ff",
    "#",
    "@",
    ";",
    "~",
    "-",
    "not ",
    "load_inline('k', '''",
    "__global__ void k() {",
    "#define A(x) A(x) A(x)",
    "#include <a>",
    "k<<<1,1>>>()",
    'asm volatile("',
    'R"PY(',
    ')PY"',
    "/*",
    "*/",
    "//",
    "template <",
    "cudaStreamCreate(&s);",
    "functools.partial(setattr, x, 'y')",
    "map(f, [x])",
    "base64.b64decode('",
    "chr(99)",
    "'a'*99999",
    "for i in range(9):",
    "x = x + x",
    "return x",
    "x[x[x[x]]]",
    "x.x.x.x",
    "(x for x in x)",
)


def corpus() -> list[str]:
    """What the fuzzer starts from: our own cases, every rule's examples, and old seeds."""
    found = [case.kernel.read_text() for case in cases()]
    for rule in all_rules():
        found += [*rule.HACKS, *rule.HONEST]
    return found + [path.read_text(errors="replace") for path in sorted(SEEDS.glob("*.txt"))]


def spliced(text: str, rng: random.Random, pool: list[str]) -> str:
    other = rng.choice(pool)
    at, start = rng.randrange(len(text) + 1), rng.randrange(len(other) + 1)
    return text[:at] + other[start : start + rng.randrange(2_000)] + text[at:]


def cut(text: str, rng: random.Random, pool: list[str]) -> str:
    start, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    return text[:start] + text[end:] if rng.random() < 0.5 else text[start:end]


def with_tokens(text: str, rng: random.Random, pool: list[str]) -> str:
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(TOKENS) + text[at:]
    return text


def repeated(text: str, rng: random.Random, pool: list[str]) -> str:
    """One token, line or slice, very often: what makes a parser quadratic."""
    lines = text.splitlines(keepends=True) or [text]
    start = rng.randrange(len(text) + 1)
    part = rng.choice([rng.choice(TOKENS), rng.choice(lines), text[start : start + 20]])
    times = rng.choice([10, 100, 1_000, 10_000, 100_000])
    at = rng.randrange(len(text) + 1)
    return text[:at] + part * min(times, 900_000 // max(len(part), 1)) + text[at:]


def nested(text: str, rng: random.Random, pool: list[str]) -> str:
    depth = rng.choice([10, 50, 90, 150, 1_000, 30_000])
    opening, closing = rng.choice(BRACKETS)
    start = rng.randrange(len(text) + 1)
    inner = text[start : start + 30]
    kept = closing * rng.choice([depth, depth - 1, 0])
    return text[:start] + opening * depth + inner + kept + text[start:]


def chained(text: str, rng: random.Random, pool: list[str]) -> str:
    """A long expression of one operator, or a name bound to itself again and again."""
    operator = rng.choice(
        [" + ", " and ", ".a", "[0]", "()", " if x else ", "; x = x.a; ", " < ", "\n"]
    )
    start = rng.randrange(len(text) + 1)
    part = text[start : start + rng.randint(1, 12)].strip() or "x"
    return (
        text[:start] + "\nx = x" + (operator + part) * rng.choice([10, 500, 5_000]) + text[start:]
    )


def quoted(text: str, rng: random.Random, pool: list[str]) -> str:
    """The file as a payload of another, where it may be parsed once more."""
    head = rng.choice(
        ["exec(%r)\n", "import base64\nexec(%r)\n", "load_inline('k', %r)\n", "S = %r\n"]
    )
    return head % text + rng.choice(pool)[:500]


def swapped(text: str, rng: random.Random, pool: list[str]) -> str:
    raw = bytearray(text.encode(errors="replace"))
    for _ in range(rng.randint(1, 30)):
        if raw:
            raw[rng.randrange(len(raw))] = rng.randrange(256)
    return raw.decode(errors="replace")


CHANGES: tuple[Callable[[str, random.Random, list[str]], str], ...] = (
    spliced, cut, with_tokens, repeated, nested, chained, quoted, swapped,
)  # fmt: skip


def hostile(rng: random.Random, pool: list[str]) -> str:
    """One file: a few changes on top of each other."""
    text = rng.choice(pool)
    for _ in range(rng.randint(1, 4)):
        text = rng.choice(CHANGES)(text, rng, pool)[:MAX_CHARACTERS]
    return text


def defeat(analyser: Analyser, text: str) -> str:
    """How a file defeats the analyser, or an empty string."""
    found = analyser.scan(Submission.of(text), "ModelNew")
    failed = [f.claim for f in found if "the analyser fails on it" in f.claim]
    return failed[0] if failed else ""


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--minutes", type=float, default=30.0)
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    rng, pool = random.Random(given.seed), corpus()
    end = time.monotonic() + 60 * given.minutes
    files, given_up, slowest, size = 0, 0, 0.0, 0
    with Analyser() as analyser:
        while time.monotonic() < end:
            text = hostile(rng, pool)
            start = time.monotonic()
            how = defeat(analyser, text)
            took = time.monotonic() - start
            files, size = files + 1, size + len(text)
            slowest = max(slowest, took)
            given_up += took >= analyser.budget_s
            if how or took > 2 * analyser.budget_s + 1:
                kept = (
                    SEEDS / f"{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:12]}.txt"
                )
                kept.write_text(text, errors="replace")
                print(f"defeated after {files} files: {how or f'{took:.1f} s'}; kept in {kept}")
                return 1
            if files % 500 == 0:
                print(f"{files} files, slowest {slowest:.2f} s", file=sys.stderr)
    print(f"{files} files, {size / 1e6:.0f} MB, no crash; slowest {slowest:.2f} s, "
          f"{given_up} given up at the budget of {analyser.budget_s:g} s")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
