"""No file may crash a scan, stall it, or pass because it could not be read."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrity.finding import Family, Finding, Severity
from integrity.rules.analyser import Analyser, Death
from integrity.rules.scan import scan
from integrity.submission import Submission

KERNEL = """
import torch
import time
c = torch.cuda
cache = {}

class ModelNew(torch.nn.Module):
    def forward(self, x):
        key = (x.data_ptr(), *x.shape)
        if key not in cache:
            cache[key] = x.exp()
        return cache[key]

setattr(c.Event, "elapsed" + "_time", lambda a, b: 1.0)
"""

PATCH = "import time\ntime.perf_counter = lambda: 0.0\n"

READABLE = {
    "chained-ands": "x = " + " and ".join(["a"] * 10_000),
    "chained-sums": "x = " + "+".join(["a"] * 6_000),
    "adjacent-strings": "x = " + " ".join(['"ab"'] * 5_000),
    "summed-strings": "x = " + "+".join(['"ab"'] * 5_000),
    "elifs": "if a:\n    pass\n" + "elif a:\n    pass\n" * 900,
    "attributes": "x = torch" + ".a" * 10_000,
    "subscripts": "x = a" + "[0]" * 10_000,
    "calls": "x = a" + "()" * 10_000,
    "decorators": "@f\n" * 10_000 + "def g(): pass",
    "hexadecimal": "x = 0x" + "f" * 900_000,
    "rebinding": "x0 = time\n" + "".join(f"x{n + 1} = x{n}.a\n" for n in range(5_000)),
    "one-name": "x = 1\n" + "x = x.a\n" * 10_000,
    "long-line": "x = '" + "a" * 1_000_000 + "'",
    "base64": "x = b'" + "QUJD" * 100_000 + "'",
    "doubling": "x0 = 'a'\n" + "".join(f"x{n + 1} = x{n} + x{n}\n" for n in range(60)),
    "replacing": "x = ('a' * 9 + 'a' * 9).replace('a', 'b' * 99999)",
    "device-code": "s = '''__global__ void k() {" + "f(" * 5_000 + ")" * 5_000 + "}'''",
    "device-comparisons": "s = '''__global__ void k() { x = a" + " < a.b" * 5_000 + "; }'''",
    "one-megabyte": "y = foo(y); z = torch.cuda.current_stream()\n" * 23_000,
    "many-functions": "".join(f"def f{n}(x):\n    return f{n + 1}(x)\n" for n in range(3_000)),
}

UNREADABLE = {
    "parentheses": "x = " + "(" * 5_000 + ")" * 5_000,
    "signs": "x = " + "-" * 100_000 + "1",
    "lambdas": "x = " + "lambda: " * 10_000 + "1",
    "nul": "x = 1\0",
}


@pytest.fixture(scope="module")
def analyser() -> Iterator[Analyser]:
    with Analyser(budget_s=30.0) as warm:
        yield warm


def ids(found: list[Finding]) -> set[str]:
    return {finding.id for finding in found}


def test_scanner_sees_the_kernel_the_fuzzer_starts_from() -> None:
    assert ids(scan(KERNEL)) >= {"output-cache", "timer-patch"}


@pytest.mark.parametrize("text", READABLE.values(), ids=READABLE.keys())
def test_odd_but_valid_file_hides_nothing(analyser: Analyser, text: str) -> None:
    found = ids(analyser.scan(Submission.of(PATCH + text + "\n")))
    assert found & {"timer-patch", "unanalysable"}  # a loaded machine may have to give one up


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_file_that_defeats_the_parser_is_reported(analyser: Analyser, text: str) -> None:
    (finding,) = analyser.scan(Submission.of(PATCH + text + "\n"))
    assert (finding.id, finding.family) == ("unanalysable", Family.OBFUSCATION)
    assert finding.severity is Severity.SUSPICIOUS


def test_file_that_is_not_python_says_where(analyser: Analyser) -> None:
    (finding,) = analyser.scan(Submission.of("x = 1\ny = 2\nz = foo(\n"))
    assert (finding.id, finding.family) == ("not-python", Family.OUTPUT)
    assert finding.claim == "does not compile: line 3: '(' was never closed"


def test_unterminated_string_of_a_megabyte_is_not_python(analyser: Analyser) -> None:
    (finding,) = analyser.scan(Submission.of("x = '''" + "a" * 1_000_000))
    assert finding.id == "not-python"


def test_syntax_newer_than_the_interpreter_is_not_called_broken() -> None:
    # Python 3.12's `type` statement; on 3.12 and later it simply parses.
    found = scan("type Pair = tuple[int, int]\n")
    assert ids(found) <= {"unanalysable"}


def test_unreadable_bytes_are_reported_as_the_reader_worded_them(analyser: Analyser) -> None:
    submission = Submission(Submission.of("").path, "", "0", "is not UTF-8 text (byte 0)")
    (finding,) = analyser.scan(submission)
    assert finding.claim == "can't be analysed: the file is not UTF-8 text (byte 0)"


def test_child_killed_between_files_costs_no_file_its_answer() -> None:
    with Analyser() as analyser:
        first = analyser.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert ids(analyser.scan(Submission.of(PATCH))) == {"timer-patch"}
        assert analyser.pid != first


def test_file_that_kills_every_child_is_reported_with_the_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Analyser() as analyser:
        monkeypatch.setattr(analyser, "_asked", lambda line: Death("SIGSEGV"))
        (finding,) = analyser.scan(Submission.of(PATCH))
    assert finding.claim == "can't be analysed: it kills the parser (SIGSEGV)"


def test_scan_that_takes_too_long_is_ended_and_reported() -> None:
    with Analyser(budget_s=1) as analyser:
        (finding,) = analyser.scan(Submission.of("y = foo(y)\n" * 90_000))
        assert finding.claim == "can't be analysed: the scan takes longer than 1 s"
        assert "timer-patch" in ids(analyser.scan(Submission.of(PATCH)))


def test_child_ends_with_its_analyser() -> None:
    with Analyser() as analyser:
        pid = analyser.pid
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_scan_time_is_linear_in_the_size() -> None:
    def seconds(copies: int) -> float:
        text = "y = foo(y); z = torch.cuda.current_stream()\n" * copies
        start = time.process_time()
        scan(text)
        return time.process_time() - start

    seconds(100)
    assert seconds(8_000) < 32 * max(seconds(1_000), 0.01)  # eight times as much, and noise


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=300))
def test_random_text_never_raises(text: str) -> None:
    scan(text)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, len(KERNEL)),
    st.integers(0, 40),
    st.sampled_from(["", "(", "x", "self", "\n", "lambda: ", "[0]", "=", "cache", '"', "return "]),
)
def test_mutated_kernel_never_raises(start: int, length: int, put: str) -> None:
    scan(KERNEL[:start] + put + KERNEL[start + length :], entry="ModelNew")


@pytest.mark.parametrize("seed", sorted((Path(__file__).parent / "seeds").glob("*.txt")), ids=str)
def test_file_that_once_defeated_the_analyser_does_so_no_more(
    analyser: Analyser, seed: Path
) -> None:
    start = time.monotonic()
    found = analyser.scan(Submission.of(seed.read_text(errors="replace")), "ModelNew")
    assert time.monotonic() - start < 10  # each took longer, or forever; now a few milliseconds
    assert not [finding for finding in found if "the analyser fails on it" in finding.claim]


def test_encoding_that_shows_python_another_text_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "kernel.py"
    path.write_bytes(b"# coding: utf-7\nimport time\ntime.perf+AF8-counter = None\n")
    assert "encoding utf-7" in Submission.read(path).unreadable
    path.write_bytes(b"# -*- coding: utf-8 -*-\nimport time\n")
    assert Submission.read(path).unreadable == ""


@pytest.mark.slow
def test_scan_that_spends_its_processor_time_is_given_up_by_the_child() -> None:
    pause = "y = foo(y); z = torch.cuda.current_stream()\n" * 60_000  # 2.6 MB
    with Analyser(budget_s=60.0) as analyser:
        (finding,) = analyser.scan(Submission.of(pause))
        assert "processor time" in finding.claim
        assert "timer-patch" in ids(analyser.scan(Submission.of(PATCH)))
