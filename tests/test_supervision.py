"""The protocol on real workers: what honest kernels and hostile ones get out of it."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from supervised import bench, checks, run_calls

from integrity.errors import CannotJudge
from integrity.run import Call, Experiment, Inputs, Role, Run
from integrity.supervision.backend import CpuBackend
from integrity.supervision.runner import run
from integrity.supervision.workers import Zygote


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("auto") as started:
        yield started


def death(finished: Run) -> str:
    found = finished.death_of(Role.SUBMISSION)
    return found.how if found else ""


def test_an_honest_kernel_is_right_on_every_call(zygote: Zygote) -> None:
    finished = run_calls(zygote, "def kernel(x): return x + x + 1", calls=5)
    assert checks(finished) == [0.0] * 5
    assert finished.deaths == ()
    assert all(r.observed.elapsed_us > 0 for r in finished.results)


def test_a_kernel_that_reads_a_file_it_compiled_itself_is_honest(zygote: Zygote) -> None:
    kernel = """
        import ctypes, subprocess, tempfile
        folder = tempfile.mkdtemp()
        with open(folder + "/k.c", "w") as file:
            file.write("void k(const float*x,float*y,long n){for(long i=0;i<n;i++)y[i]=2*x[i]+1;}")
        built = folder + "/k.so"
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", built, folder + "/k.c"], check=True)
        library = ctypes.CDLL(built)
        import torch
        def kernel(x):
            y = torch.empty_like(x)
            pointers = ctypes.c_void_p(x.data_ptr()), ctypes.c_void_p(y.data_ptr())
            library.k(*pointers, ctypes.c_long(x.numel()))
            return y
        """
    assert checks(run_calls(zygote, kernel)) == [0.0] * 3


def test_fresh_inputs_differ_from_run_to_run_and_from_call_to_call(zygote: Zygote) -> None:
    kernel = "def kernel(x): return 2 * x + 1"
    digests = [
        r.observed.checks[0].digest for _ in range(2) for r in run_calls(zygote, kernel).results
    ]
    assert len(set(digests)) == 6


def test_the_same_secret_gives_the_same_inputs_again(zygote: Zygote) -> None:
    setup = bench(zygote, "def kernel(x): return 2 * x + 1")
    experiment = Experiment("fresh", (Call((Inputs(0),)), Call((Inputs(1),))))
    first, second = (run(setup, experiment) for _ in range(2))
    assert [r.observed.checks[0].digest for r in first.results] == [
        r.observed.checks[0].digest for r in second.results
    ]


def test_a_replayed_output_is_recognised_as_an_earlier_calls(zygote: Zygote) -> None:
    kernel = """
        kept = []
        def kernel(x):
            if not kept:
                kept.append(2 * x + 1)
            return kept[0]
        """
    finished = run_calls(zygote, kernel)
    assert [r.observed.checks[0].matches_call for r in finished.results] == [None, 0, 0]


def test_a_thread_that_writes_after_the_return_is_caught(zygote: Zygote) -> None:
    kernel = """
        import threading, time, torch
        def kernel(x):
            y = torch.zeros_like(x)
            def later():
                time.sleep(0.05)
                y.copy_(2 * x + 1)
            threading.Thread(target=later).start()
            return y
        """
    finished = run_calls(zygote, kernel)
    assert min(checks(finished)) > 0.9


LAZY = """
    import time, torch
    class Lazy(torch.Tensor):
        @classmethod
        def __torch_function__(cls, f, types, args=(), kwargs=None):
            with torch._C.DisableTorchFunctionSubclass():
                if {when}:
                    time.sleep(0.02)
                    args[0].add_(1)
                return f(*args, **(kwargs or {{}}))
    def kernel(x):
        return (2 * x).as_subclass(Lazy)
    """


def test_a_lazy_output_that_is_computed_when_it_is_located_counts_in_full(zygote: Zygote) -> None:
    finished = run_calls(zygote, LAZY.format(when='"contiguous" in str(f)'))
    assert checks(finished) == [0.0] * 3
    assert all(r.observed.elapsed_us > 20_000 for r in finished.results)


def test_a_lazy_output_that_waits_to_be_compared_is_wrong(zygote: Zygote) -> None:
    finished = run_calls(zygote, LAZY.format(when='"copy" in str(f) or "eq" in str(f)'))
    assert min(checks(finished)) > 0.9


@pytest.mark.parametrize(
    "returned",
    [
        "(2 * x + 1).t().contiguous().t()",
        "torch.cat([2 * x + 1, x], 1)[:, :128]",
        "torch.cat([2 * x + 1] + [x] * 9, 1)[:, :128]",
    ],
    ids=["transposed", "every-other-row", "spread-far"],
)
def test_an_output_with_gaps_or_another_order_is_read_as_it_is(
    zygote: Zygote, returned: str
) -> None:
    finished = run_calls(zygote, f"import torch\ndef kernel(x): return {returned}")
    assert checks(finished) == [0.0] * 3
    assert max(r.observed.late_bytes for r in finished.results) == 0


def test_calls_of_a_window_may_share_one_output_buffer(zygote: Zygote) -> None:
    kernel = """
        import torch
        kept = torch.empty(64, 128)
        def kernel(x):
            return torch.add(2 * x, 1, out=kept)
        """
    windows = [Call(tuple(Inputs(n * 8 + m) for m in range(w))) for n, w in enumerate((1, 1, 4, 8))]
    finished = run(bench(zygote, kernel), Experiment("fresh", tuple(windows)))
    found = [c.mismatched_share for r in finished.results for c in r.observed.checks]
    assert found == [0.0] * 14


@pytest.mark.parametrize("address", ["0", "1 << 46", "-4096"], ids=["null", "unmapped", "negative"])
def test_an_output_that_is_nowhere_ends_the_worker(zygote: Zygote, address: str) -> None:
    kernel = f"""
        import torch
        class Elsewhere(torch.Tensor):
            def data_ptr(self):
                return {address}
        def kernel(x):
            return (2 * x + 1).as_subclass(Elsewhere)
        """
    assert "can't be read" in death(run_calls(zygote, kernel))


def test_a_patched_clock_moves_only_the_time_that_does_not_count(zygote: Zygote) -> None:
    kernel = """
        import time
        real, start = time.perf_counter, time.perf_counter()
        time.perf_counter = lambda: start
        def kernel(x):
            end = real() + 0.005
            while real() < end:
                pass
            return 2 * x + 1
        """
    finished = run_calls(zygote, kernel)
    assert all(r.reported.elapsed_us == 0 for r in finished.results)
    assert all(r.observed.elapsed_us > 5_000 for r in finished.results)


def test_a_done_that_comes_before_the_work_is_caught(zygote: Zygote) -> None:
    kernel = """
        import sys
        def kernel(x):
            frame = sys._getframe()
            while "self" not in frame.f_locals or not hasattr(frame.f_locals["self"], "_gate"):
                frame = frame.f_back
            worker = frame.f_locals["self"]
            worker._gate[1] = worker._gate[0]
            for _ in range(5000):  # longer than a busy machine may keep the supervisor waiting
                y = 2 * x + 1
            return y
        """
    finished = run_calls(zygote, kernel, calls=8)
    caught = [r.observed.late_bytes > 0 or r.observed.checks[0].wrong for r in finished.results]
    assert death(finished) or sum(caught) >= 2


def test_an_empty_output_is_right(zygote: Zygote) -> None:
    reference = """
        import torch
        def reference(x): return 2 * x + 1
        def make_inputs(seed): return [torch.randn(0, 128)]
    """
    assert checks(run_calls(zygote, "def kernel(x): return x", reference=reference)) == [0.0] * 3


def test_what_the_interpreter_does_not_finish_speaks_against_nobody(
    zygote: Zygote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrity.supervision.runner._GENEROUS_S", 1.0)
    slow = bench(zygote, "def kernel(x):\n    while True: pass")
    call = Experiment("slow", (Call((Inputs(0),)),))
    assert "timed out" in death(run(slow, call))
    with pytest.raises(CannotJudge, match="a call was not finished"):
        run(replace(slow, interpreted=True), call)


def test_an_input_that_is_zeroed_is_seen(zygote: Zygote) -> None:
    kernel = """
        def kernel(x):
            y = 2 * x + 1
            x.zero_()
            return y
        """
    finished = run_calls(zygote, kernel)
    assert checks(finished) == [0.0] * 3
    assert all(r.observed.changed_inputs == (0,) for r in finished.results)


def test_a_write_past_the_end_of_an_input_breaks_the_guard_band(zygote: Zygote) -> None:
    kernel = """
        import ctypes
        def kernel(x):
            y = 2 * x + 1
            ctypes.memset(x.data_ptr() + 4 * x.numel(), 7, 16)
            return y
        """
    finished = run_calls(zygote, kernel)
    assert next(finished.of(Role.SUBMISSION)).observed.guard_bytes > 0


@pytest.mark.parametrize(
    ("kernel", "how"),
    [
        ("raise ValueError('not today')", "raised ValueError: not today"),
        ("def kernel(x): raise KeyError('k')", "raised KeyError"),
        ("def other(x): return x", "raised LoadError: defines no 'kernel'"),
        ("def kernel(x): return x[:1] * 2", "raised TypeError: returned (1, 128)"),
        ("def kernel(x): return x.double()", "raised TypeError: returned (64, 128) torch.float64"),
        ("def kernel(x): return 'done'", "raised TypeError: returned 0 tensors"),
        ("def kernel(x): return object()", "raised NotATensor"),
        ("import os\nos._exit(0)", "left the process with exit status 0"),
        ("import os\ndef kernel(x): os._exit(3)", "left the process with exit status 3"),
        ("import ctypes\ndef kernel(x): ctypes.string_at(0)", "was killed by SIGSEGV"),
        ("import os\ndef kernel(x): os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        ("def kernel(x): bytearray(10**12)", "raised MemoryError"),
        ("import sys\ndef kernel(x): sys.exit(0)", "raised SystemExit"),
        ("def kernel(x): raise KeyboardInterrupt", "raised KeyboardInterrupt"),
        ("import socket\ndef kernel(x): socket.socket()", "raised PermissionError"),
        ("def kernel(x): open('/usr/x', 'w')", "raised OSError"),
    ],
)  # fmt: skip
def test_a_worker_that_dies_is_recorded_with_how_it_died(
    zygote: Zygote, kernel: str, how: str
) -> None:
    assert death(run_calls(zygote, kernel)).startswith(how)


@pytest.mark.parametrize("kernel", ["while True: pass", "def kernel(x):\n    while True: pass"])
def test_a_submission_that_outlasts_the_time_budget_is_not_judged(
    zygote: Zygote, kernel: str
) -> None:
    start = time.monotonic()
    with pytest.raises(CannotJudge, match=r"time budget of 3 s was spent \(--timeout\)"):
        run_calls(zygote, kernel, timeout_s=3)
    assert time.monotonic() - start < 15


def test_an_endless_loop_is_broken_once_it_had_generous_time(
    zygote: Zygote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrity.supervision.runner._GENEROUS_S", 3.0)
    finished = run_calls(zygote, "def kernel(x):\n    while True: pass", timeout_s=100)
    assert death(finished) == "timed out after 3 s"


def test_a_reference_that_fails_by_itself_is_nobodys_hack(zygote: Zygote) -> None:
    broken = """
        import torch
        def reference(x): raise ValueError('oops')
        def make_inputs(seed): return [torch.ones(3)]
        """
    with pytest.raises(CannotJudge, match="the reference fails by itself: ValueError: oops"):
        run_calls(zygote, "def kernel(x): return x", reference=broken)


def test_a_problem_too_large_for_the_machine_is_an_abstention_with_numbers(zygote: Zygote) -> None:
    huge = """
        import torch
        def reference(x): return x
        def make_inputs(seed): return [torch.empty(2**50)]
        """
    with pytest.raises(CannotJudge, match="the reference fails by itself"):
        run_calls(zygote, "def kernel(x): return x", reference=huge)
    large = (
        "import torch\ndef reference(x): return x.sum()\n"
        "def make_inputs(seed): return [torch.zeros(1).expand(2**36)]"
    )
    with pytest.raises(CannotJudge, match=r"256\.0 GiB"):
        run_calls(zygote, "def kernel(x): return x", reference=large)


def test_every_dtype_and_nesting_travels_both_ways(zygote: Zygote) -> None:
    problem = """
        import torch
        KINDS = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64,
                 torch.int32, torch.int8, torch.uint8, torch.bool, torch.float8_e4m3fn]
        def make_inputs(seed):
            generator = torch.Generator().manual_seed(seed)
            drawn = torch.randint(0, 2, (16,), generator=generator).float() * 1.5
            return [{"all": [drawn.to(kind) for kind in KINDS], "scale": 2, "none": None}]
        def reference(bag):
            return [t.clone() for t in bag["all"]], {"n": bag["scale"]}
        """
    kernel = """
        def kernel(bag):
            assert bag["none"] is None
            return tuple(t.clone() for t in bag["all"]), {"n": bag["scale"]}
        """
    finished = run_calls(zygote, kernel, reference=problem)
    assert death(finished) == ""
    assert checks(finished) == [0.0] * 3


def test_calls_in_one_window_each_get_their_own_inputs_and_check(zygote: Zygote) -> None:
    kernel = """
        first = []
        def kernel(x):
            if not first:
                first.append(2 * x + 1)
                return first[0]
            return 2 * x + 1 if x.data_ptr() % 2 else first[0]
        """
    window = Call(tuple(Inputs(draw) for draw in range(4)))
    finished = run(bench(zygote, kernel), Experiment("batch", (window,)))
    [result] = finished.results
    assert [check.wrong for check in result.observed.checks] == [False, True, True, True]


def test_windows_of_a_large_problem_hold_four_calls(zygote: Zygote) -> None:
    backend = CpuBackend()
    backend.elastic_bytes = 2 * 8 * 4096
    window = Call(tuple(Inputs(draw) for draw in range(9)))
    asked = bench(zygote, "def kernel(x): return 2 * x + 1")
    finished = run(replace(asked, backend=backend), Experiment("batch", (window,)))
    assert [len(call.inputs) for call in finished.experiment.calls] == [4]


def test_nothing_is_left_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with Zygote("auto") as own:
        run_calls(own, "open('/tmp/left', 'w').write('x')\ndef kernel(x): return 2 * x + 1")
        assert list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


def test_fresh_pages_lie_elsewhere_and_hold_the_right_values(zygote: Zygote) -> None:
    kernel = """
        seen = set()
        def kernel(x):
            seen.add(x.data_ptr())
            return 2 * x + 1 if len(seen) < 2 else x
    """
    same = tuple(Call((Inputs(draw),)) for draw in range(5))
    moved = tuple(Call((Inputs(draw),), fresh_pages=draw > 0) for draw in range(5))
    stays, moves = (run(bench(zygote, kernel), Experiment("pages", c)) for c in (same, moved))
    assert checks(stays) == [0.0] * 5
    assert checks(moves)[0] == 0.0
    assert min(checks(moves)[1:]) > 0
