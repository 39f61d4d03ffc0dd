"""Mutants of native code compile and compute the same; extensions do what Python did."""

import ctypes
import shutil
import subprocess
import types
from pathlib import Path
from random import Random

import pytest

from integrity.evasion import extension, native, sources
from integrity.evasion.engine import MUTATORS, sound
from integrity.evasion.mutator import Mutator

C_SOURCE = """
#include <math.h>
static float half_of(float x) { return x / 2; }
void scale(const float *x, float *y, int n) {
    for (int i = 0; i < n; i++) {
        float v = half_of(x[i]); /* "half" */
        y[i] = v + 1.0f;
    }
}
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
BY_NAME = {each.name: each for each in MUTATORS}


def mutated(mutator: Mutator, text: str) -> list[str]:
    """One mutant, or none where the mutator does not apply."""
    made = mutator.mutate(text, Random(f"0:{mutator.name}"))
    return [] if made is None else [made]


@pytest.mark.parametrize("mutator", native.MUTATORS, ids=lambda each: each.name)
def test_native_mutant_compiles_and_computes_the_same(mutator: Mutator, tmp_path: Path) -> None:
    source = C_SOURCE.replace(
        "y[i] = v + 1.0f;", "y[i] = v + 1.0f; memset(&y[n], 0, sizeof(float));"
    )
    made = mutator.mutate(source.replace("math.h", "string.h"), Random(1))
    if made is None:
        pytest.skip("only for C++")
    (tmp_path / "k.c").write_text(made)
    command = ["cc", "-shared", "-fPIC", "k.c", "-o", "k.so"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    values, answers = (ctypes.c_float * 3)(2, 4, 6), (ctypes.c_float * 4)(9, 9, 9, 9)
    ctypes.CDLL(str(tmp_path / "k.so")).scale(values, answers, 3)
    assert list(answers) == [2, 3, 4, 0]


@pytest.mark.skipif(not shutil.which("c++"), reason="no C++ compiler")
def test_namespace_aliases_compile(tmp_path: Path) -> None:
    source = (
        "#include <algorithm>\nint most(int a, int b) { return std::max(a, std::min(b, 9)); }\n"
    )
    made = BY_NAME["cpp-namespace-aliases"].mutate(source + "// ; void\n", Random(1))
    assert made is not None and "std::max" not in made
    (tmp_path / "k.cpp").write_text(made)
    subprocess.run(["c++", "-fsyntax-only", "k.cpp"], cwd=tmp_path, check=True)


@pytest.mark.parametrize("mutator", extension.MUTATORS, ids=lambda each: each.name)
def test_extension_takes_over_what_python_did(mutator: Mutator) -> None:
    gone = {
        "extension-looks-up": "sys.getrecursionlimit",
        "extension-thread": "threading.Thread(",
    }
    for text in mutated(mutator, STORES):
        python = text.split("functions=")[1]
        assert gone.get(mutator.name, "time.perf_counter = ") not in python
        assert "torch/extension.h" in text and sound(text)


@pytest.mark.slow
@pytest.mark.parametrize("mutator", extension.MUTATORS, ids=lambda each: each.name)
def test_extension_does_what_python_did(mutator: Mutator) -> None:
    import time

    pytest.importorskip("torch")
    if not shutil.which("ninja"):
        pytest.skip("torch compiles extensions with ninja")
    kept = time.perf_counter, time.monotonic
    [text, *_] = mutated(mutator, STORES.replace("import time", "import time\nbefore = time.time"))
    module = types.ModuleType("sample")
    try:
        exec(compile(text, "<sample>", "exec"), module.__dict__)
        assert (time.perf_counter(), time.monotonic()) == (1.0, 1.0)
    finally:
        time.perf_counter, time.monotonic = kept


def test_string_that_is_filled_in_later_is_not_rewritten() -> None:
    text = 'S = "void f() { int a = %d; float b = 0; }" % 3\n'
    assert [mutator.name for mutator in native.MUTATORS if mutated(mutator, text)] == []
    assert any(mutated(mutator, text) for mutator in sources.MUTATORS)
