"""Mutants mean what the original means, differ from it, and are the same for the same seed."""

import ast
import string
import types
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from integrity.corpora import cases
from integrity.evasion import extension, native
from integrity.evasion.engine import MUTATORS, SINGLE, Mutant, mutants
from integrity.evasion.mutator import Mutator
from integrity.evasion.spelling import SPELLINGS, Spelling

PLAIN = '''\
"""A point and a memory."""
import colorsys
import math
import string as text
from functools import reduce

SCALE = 3
table = {}
calls = 0
limits = [10, 20]
squares = [n * n for n in range(5)]


def _half(value):
    return math.floor(value / 2)


colorsys.ratio = _half
text.Formatter.unit = "us"
colorsys.steps = 1
colorsys.steps += 4
if limits[0] == 10:
    first, *rest = limits
    limits[0] = first + SCALE


class Point:
    """Holds a value."""

    origin = 5

    def __init__(self, value):
        self.value = value
        self.seen = []

    def moved(self, by=1):
        self.value = self.value + by
        self.seen.append(by)
        return self


class Named(Point):
    def __init__(self, value):
        super().__init__(value)
        self.name = text.capwords(f"point {value}")


def remembered(key):
    global calls
    calls += 1
    if key not in table:
        table[key] = reduce(lambda a, b: a + b, [key, *squares])
    return table[key]


def clipped(value):
    value = min(value, limits[0])
    for limit in limits:
        if value > limit:
            return limit
    try:
        value = value + 1
    finally:
        so_far = calls
    return value * 100 + so_far


def doubled(values):
    def twice(value):
        return value * factor

    factor = 2
    return [twice(value) for value in values]


def kernel(x):
    point = Named(x).moved(by=2)
    words = f"{text.Formatter.unit}:{math.gcd(x, 12)}"
    total = clipped(point.value) + remembered(x) + remembered(x)
    return total, words, colorsys.ratio(x), colorsys.steps, doubled(point.seen), point.name, rest
'''
EXPECTED_OF_PLAIN = [
    (666, "us:3", 1, 5, [4], "Point 3", [20]),
    (1486, "us:12", 6, 5, [4], "Point 12", [20]),
    (668 + 2, "us:3", 1, 5, [4], "Point 3", [20]),
]
"""For 3, 12 and 3 again: the count of calls so far is in the first number."""

NATIVE = '''\
CPU = """
#include <math.h>
static float half_of(float x) { return x / 2; }
void scale(const float *x, float *y, int n) {
    for (int i = 0; i < n; i++) {
        float v = half_of(x[i]); /* "half" */
        y[i] = v + 1.0f;
    }
}
"""


def load_inline(name, cpp_sources):
    return "".join("\\n".join(cpp_sources).split())


squeezed = load_inline("scale", cpp_sources=[CPU])


def kernel(x):
    return CPU.count("float"), len(CPU.splitlines()), squeezed[-14:]
'''
EXPECTED_OF_NATIVE = [(5, 9, "y[i]=v+1.0f;}}")]


DEVICE = """\
import torch
import triton
import triton.language as tl

BLOCK = 128
torch.backends.cudnn.benchmark = True


@triton.jit
def add(x_ptr, y_ptr, n, SIZE: tl.constexpr):
    at = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    tl.store(y_ptr + at, tl.load(x_ptr + at, at < n) + 1, at < n)


def kernel(x):
    y = torch.empty_like(x)
    add[(triton.cdiv(x.numel(), BLOCK),)](x, y, x.numel(), SIZE=BLOCK)
    return y
"""
STORES = """\
import threading
import time
import sys

def fast():
    return 1.0

time.perf_counter = fast
setattr(time, "monotonic", fast)
depth = sys.getrecursionlimit()
threading.Thread(target=fast, daemon=True).start()
"""
WALKABLE = [
    case
    for case in cases()
    if case.kernel.suffix == ".py" and case.id != "hacks/obfuscation/endless-sum"
]
NOT_FOR_SAMPLES = {each.name for each in (*extension.MUTATORS, *native.MUTATORS)}


@pytest.fixture(autouse=True)
def patched_modules() -> Iterator[None]:
    """PLAIN writes to two modules of the standard library."""
    import colorsys

    yield
    for name in ("ratio", "steps"):
        if name in vars(colorsys):
            delattr(colorsys, name)
    if "unit" in vars(string.Formatter):
        delattr(string.Formatter, "unit")


def results(text: str, inputs: list[int]) -> list[Any]:
    module = types.ModuleType("sample")
    exec(compile(text, "<sample>", "exec"), module.__dict__)
    return [module.kernel(value) for value in inputs]


def mutated(mutator: Mutator, text: str) -> list[str]:
    """One mutant, or a few where chance decides a lot; none where the mutator does not apply."""
    draws = 6 if mutator.name.startswith("combined") else 1
    made = [mutator.mutate(text, Random(f"{n}:{mutator.name}")) for n in range(draws)]
    return [each for each in made if each is not None]


def test_original_samples_give_the_results_written_down() -> None:
    assert results(PLAIN, [3, 12, 3]) == EXPECTED_OF_PLAIN
    assert results(NATIVE, [0]) == EXPECTED_OF_NATIVE


@pytest.mark.parametrize("mutator", MUTATORS, ids=lambda each: each.name)
def test_mutant_does_what_the_original_does(mutator: Mutator) -> None:
    for text in mutated(mutator, PLAIN):
        if mutator.name not in NOT_FOR_SAMPLES and "cpp_extension" not in text:
            assert results(text, [3, 12, 3]) == EXPECTED_OF_PLAIN, text
    native_too = mutator.name.startswith("combined")
    for text in [] if native_too else mutated(mutator, NATIVE):
        if mutator not in (*native.MUTATORS, *extension.MUTATORS):
            assert results(text, [0]) == EXPECTED_OF_NATIVE, text


CALLS = NATIVE.replace("half_of(x[i])", "half_of(x[i]); memset(y, 0, 4)")
CPP = NATIVE.replace("static float", "static std::size_t one = 1;\nstatic float")
SPLIT = NATIVE.replace("static float half_of(float x) { return x / 2; }", "static void g() {\n}\n")


@pytest.mark.parametrize("mutator", SINGLE, ids=lambda each: each.name)
def test_every_mutator_applies_to_some_sample(mutator: Mutator) -> None:
    assert any(mutated(mutator, sample) for sample in (PLAIN, NATIVE, STORES, CALLS, CPP, SPLIT))


@pytest.mark.parametrize("mutator", MUTATORS, ids=lambda each: each.name)
def test_device_functions_stay_as_their_compiler_must_read_them(mutator: Mutator) -> None:
    original = device_function(DEVICE)
    for text in mutated(mutator, DEVICE):
        if not mutator.name.startswith(("exec-module", "unused-triton")):
            assert device_function(text) == original, text


def device_function(text: str) -> str:
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    return next(ast.dump(node) for node in found if node.name == "add" and node.decorator_list)


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda each: each.name)
def test_spelled_string_has_its_value(spelling: Spelling) -> None:
    import base64
    import codecs

    names = {"base64": base64, "codecs": codecs}
    for seed, text in enumerate(("perf_counter", "Event", "x", "cuda")):
        written = ast.unparse(spelling.spell(text, Random(seed)))
        assert eval(written, names) == text
    assert (written == "'cuda'") == (spelling.name == "literal")


def test_seed_decides_every_mutant() -> None:
    first, again, other = (list(mutants(PLAIN, seed, most=30)) for seed in ("1:a", "1:a", "2:a"))
    assert first == again
    assert first != other


def test_mutants_are_all_different_and_none_is_the_original() -> None:
    texts = [mutant.text for mutant in mutants(STORES, "0:a")]
    assert len(texts) == len(set(texts)) > 150
    assert STORES not in texts


def test_a_number_of_mutants_can_be_asked_for() -> None:
    assert len(list(mutants(PLAIN, "0:a", most=5))) == 5


def test_engine_drops_what_no_longer_compiles() -> None:
    class Broken(Mutator):
        name = "broken"

        def mutate(self, text: str, rng: Random) -> str | None:
            return text + "def f(a):\n    global a\n"

    assert list(mutants(PLAIN, "0", [Broken()])) == []


def test_names_of_mutators_are_unique_and_many() -> None:
    names = [mutator.name for mutator in MUTATORS]
    assert len(names) == len(set(names)) > 200


def test_header_of_the_harness_stays() -> None:
    header = "#!POPCORN leaderboard sums"
    made = list(mutants(f"{header}\n{STORES}", "0:a"))
    assert made and all(header in mutant.text for mutant in made)


def test_file_too_deep_for_the_parser_is_left_alone_but_for_its_text() -> None:
    deep = "x = " + "1 + " * 3_000 + "1\n"
    names = {mutant.mutator for mutant in mutants(deep, "0:a")}
    assert names <= {"crlf", "closing-comment"}


def test_whole_cuda_file_gets_native_mutants_only() -> None:
    text = '#include <x.h>\nextern "C" __global__ void f(float* y) { y[0] = 1.0f; }\n'
    names = {mutant.mutator for mutant in mutants(text, "0:a")}
    assert {"cpp-macros", "cpp-digraphs"} <= names
    assert all(name.startswith(("cpp-", "crlf", "combined")) for name in names)


@pytest.mark.parametrize("case", WALKABLE[::9], ids=lambda case: case.id)
def test_mutants_of_the_corpus_compile(case: Any) -> None:
    made: list[Mutant] = list(mutants(case.kernel.read_text(), f"0:{case.id}", most=40))
    assert len(made) == 40
    for mutant in made:
        compile(mutant.text, mutant.mutator, "exec")
