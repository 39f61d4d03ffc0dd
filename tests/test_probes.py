"""Probes C6, T5 and T9 to T12: honest twins first, then what each is for, on real workers."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from supervised import REFERENCE, bench
from test_detectors import PROBLEM, evidence, experiment_of, ids, ours, result, timed

from integrity.detectors import habits
from integrity.detectors.baseline_alone import BaselineAlone
from integrity.detectors.fresh_inputs import FreshInputs
from integrity.detectors.fresh_pages import FreshPages
from integrity.detectors.input_jitter import InputJitter
from integrity.detectors.left_running import LeftRunning
from integrity.detectors.speedup import ELSEWHERE, LIFETIMES, Speedup
from integrity.detectors.spin import Spin
from integrity.detectors.surroundings import Surroundings
from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.run import Call, Check, Experiment, Reported, Role, Run
from integrity.supervision.runner import run
from integrity.supervision.workers import Zygote

HONEST = "def kernel(x): return 2 * x + 1"
RIGHT = Check(0.0, 1e-7, 1e-7)
WRONG = replace(RIGHT, mismatched_share=0.9)


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("auto") as started:
        yield started


def habits_of(zygote: Zygote, kernel: str) -> Evidence:
    return evidence(run(bench(zygote, kernel), habits.experiment(1)))


def pairs_of(zygote: Zygote, kernel: str) -> Evidence:
    """Each lifetime, but for most of its calls and for the clocks' nulls."""
    short = [
        replace(e, calls=e.calls[:3], elastic=False, roles=(Role.SUBMISSION,))
        for e in Speedup().experiments(PROBLEM, 1)
    ]
    short = [
        replace(e, calls=tuple(replace(c, inputs=c.inputs[:1]) for c in e.calls)) for e in short
    ]
    return evidence(*(run(bench(zygote, kernel), each) for each in short))


def spun(rate: float, reported: float = 1.0, nominal: float = 1.0) -> Evidence:
    """Clocks: the supervisor's sees the submission's spins take `rate` times as long as the
    reference's, which last `nominal` of what they were told to."""

    def clock(call: Call, role: Role) -> float:
        return 500.0 + call.spin_us * nominal * (rate if ours(role) else 1.0)

    made = timed(habits.experiment(1), clock)
    results = [
        replace(r, reported=Reported(r.observed.elapsed_us * (reported if ours(r.role) else 1.0)))
        for r in made.results
    ]
    return evidence(replace(made, results=tuple(results)))


def test_a_spin_that_takes_as_long_as_it_says_accuses_nobody() -> None:
    assert ids(Spin(), spun(1.0)) == []


def test_a_processor_that_is_taken_away_lengthens_both_clocks_and_accuses_nobody() -> None:
    assert ids(Spin(), spun(2.1)) == []


@pytest.mark.parametrize(("rate", "reported"), [(1.0, 0.6), (1.0, 0.0), (1.6, 0.6), (0.5, 1.0)])
def test_a_slope_that_is_not_one_is_a_clock_at_another_rate(rate: float, reported: float) -> None:
    assert ids(Spin(), spun(rate, reported)) == ["clock-rescaled"]


def test_spins_are_as_long_as_the_references_where_a_device_counts_them() -> None:
    assert ids(Spin(), spun(1.0, nominal=0.76)) == []
    assert ids(Spin(), spun(0.5, nominal=0.76)) == ["clock-rescaled"]


def test_a_reference_that_other_work_slowed_makes_no_fast_clock_of_a_submissions() -> None:
    assert ids(Spin(), spun(0.5, nominal=2.0)) == []


def test_a_time_that_scatters_more_than_the_spins_is_no_evidence() -> None:
    order = iter(range(10_000))
    loud = timed(habits.experiment(1), lambda call, role: 9000.0 * (next(order) * 7 % 11))
    with pytest.raises(CannotJudge, match="scatters"):
        list(Spin().detect(evidence(loud)))


@pytest.mark.alone
@pytest.mark.parametrize("counted", ["0.6 * real()", "0.0"], ids=["slower", "not at all"])
def test_a_clock_that_counts_slower_is_seen_by_the_spin(zygote: Zygote, counted: str) -> None:
    changed = f"""
        import time
        real = time.perf_counter
        time.perf_counter = lambda: {counted}
        def kernel(x): return 2 * x + 1
    """
    assert ids(Spin(), habits_of(zygote, changed)) == ["clock-rescaled"]


@pytest.mark.alone
def test_an_honest_kernel_has_no_habits_and_leaves_nothing_running(zygote: Zygote) -> None:
    seen = habits_of(zygote, "import time, threading\nstart = time.perf_counter()\n" + HONEST)
    for probe in (Spin(), FreshPages(), LeftRunning(), BaselineAlone()):
        assert ids(probe, seen) == [], probe.id


def test_a_process_that_stays_behind_is_found(zygote: Zygote) -> None:
    daemon = """
        import subprocess
        kept = subprocess.Popen(["sleep", "600"])
        def kernel(x): return 2 * x + 1
    """
    assert "leaves-processes" in ids(LeftRunning(), habits_of(zygote, daemon))


def test_threads_that_pile_up_are_found(zygote: Zygote) -> None:
    piling = """
        import threading
        def kernel(x):
            threading.Thread(target=threading.Event().wait, daemon=True).start()
            return 2 * x + 1
    """
    assert "leaves-threads" in ids(LeftRunning(), habits_of(zygote, piling))


def test_a_processor_that_is_used_after_done_is_found() -> None:
    made = timed(habits.experiment(1), lambda call, role: 500.0)
    busy = [
        replace(r, observed=replace(r.observed, idle_cpu_us=9000.0)) if ours(r.role) else r
        for r in made.results
    ]
    assert ids(LeftRunning(), evidence(replace(made, results=tuple(busy)))) == ["busy-when-done"]


def test_a_pool_that_is_started_once_and_sleeps_is_honest() -> None:
    made = timed(habits.experiment(1), lambda call, role: 500.0)
    pool = [replace(r, observed=replace(r.observed, threads=9)) for r in made.results]
    assert ids(LeftRunning(), evidence(replace(made, results=tuple(pool)))) == []


def test_a_kernel_that_is_slower_in_new_memory_kept_something_by_page() -> None:
    made = timed(habits.experiment(1), lambda c, role: 900 if c.fresh_pages else 300)
    assert ids(FreshPages(), evidence(made)) == []  # so is the reference
    made = timed(habits.experiment(1), lambda c, role: 900 if c.fresh_pages and ours(role) else 300)
    assert ids(FreshPages(), evidence(made)) == ["page-cache"]


def test_a_reference_that_is_slower_once_the_submission_is_there_was_slowed() -> None:
    made = timed(habits.experiment(1), lambda call, role: 500.0)
    assert ids(BaselineAlone(), evidence(made)) == []
    alone = made.experiment.alone
    results = [
        replace(r, observed=replace(r.observed, elapsed_us=250.0)) if r.call < alone else r
        for r in made.results
    ]
    [finding] = BaselineAlone().detect(evidence(replace(made, results=tuple(results))))
    assert finding.id == "slows-the-baseline"
    assert finding.measured["ratio"] == pytest.approx(0.5)


def test_the_reference_is_called_before_the_submission_is_loaded(zygote: Zygote) -> None:
    experiment = Experiment(
        "alone", habits.experiment(1).calls[:4], (Role.SUBMISSION, Role.REFERENCE), alone=2
    )
    finished = run(bench(zygote, HONEST), experiment)
    assert [r.call for r in finished.of(Role.REFERENCE)] == [0, 1, 2, 3]
    assert [r.call for r in finished.of(Role.SUBMISSION)] == [2, 3]


def test_a_kernel_that_asks_for_its_name_and_home_is_right_elsewhere(zygote: Zygote) -> None:
    curious = """
        import os, sys
        where = __name__, os.path.expanduser("~"), os.getpid(), sys.modules[__name__].__file__
        def kernel(x): return 2 * x + 1
    """
    seen = pairs_of(zygote, curious)
    assert [r.observed.checks[0].wrong for each in seen.every_run() for r in each.results] == (
        [False] * 9
    )


@pytest.mark.parametrize(
    "recognised",
    ["__name__ == 'kernel_under_test'", "__import__('os').environ['HOME'].endswith('/home')"],
)
def test_a_kernel_that_is_right_only_at_home_is_proven(zygote: Zygote, recognised: str) -> None:
    seen = pairs_of(zygote, f"def kernel(x): return 2 * x + 1 if {recognised} else x")
    [finding] = Surroundings().detect(seen)
    assert (finding.id, finding.hard) == ("knows-its-surroundings", True)


def lifetimes(at_home_us: float, elsewhere_us: float, check: Check = RIGHT) -> list[Run]:
    us = {Role.NULL: 100.0, Role.REFERENCE: 900.0, Role.CONTROL: 900.0}
    runs = []
    for number in range(LIFETIMES):
        own = elsewhere_us if number == ELSEWHERE else at_home_us
        made = timed(experiment_of(Speedup(), number), lambda c, role, own=own: us.get(role, own))
        runs.append(made)
    return runs


def test_a_kernel_that_is_fast_only_at_home_is_suspicious() -> None:
    assert ids(Surroundings(), evidence(*lifetimes(300.0, 320.0))) == []
    [finding] = Surroundings().detect(evidence(*lifetimes(300.0, 800.0)))
    assert not finding.hard
    assert finding.measured["least_ratio"] == pytest.approx(3.5)


def test_one_wrong_call_everywhere_says_nothing_of_the_surroundings() -> None:
    runs = lifetimes(300.0, 300.0)
    spoiled = [replace(one, results=(result(0, check=WRONG), *one.results[1:])) for one in runs]
    assert ids(Surroundings(), evidence(*spoiled)) == []


def test_workers_elsewhere_have_no_compiled_kernels_but_extensions(zygote: Zygote) -> None:
    for folder in ("triton", "torch"):
        (zygote.cache / folder).mkdir()
        (zygote.cache / folder / "built").write_text("x")
    listing = """
        import os
        raise AssertionError([
            os.path.exists(os.path.join(os.environ[name], "built"))
            for name in ("TRITON_CACHE_DIR", "TORCH_EXTENSIONS_DIR")
        ])
    """
    usual, elsewhere = (
        run(bench(zygote, listing, REFERENCE), Experiment("x", (call,), elsewhere=away)).deaths[0]
        for away in (False, True)
        for call in [habits.experiment(1).calls[0]]
    )
    assert "[True, True]" in usual.how
    assert "[False, True]" in elsewhere.how


@pytest.mark.parametrize(
    ("reference", "kernel"),
    [
        ("x.sort(1).values.amax(1)", "x[:, -1]"),  # equivariance: its inputs come sorted
        ("x * 3", "(x * 3).clamp(-12, 12)"),  # linearity: its inputs are below 4
    ],
    ids=["permutation", "linearity"],
)
def test_a_broken_relation_is_a_wrong_output_off_the_distribution(
    zygote: Zygote, reference: str, kernel: str
) -> None:
    drawn = "torch.rand(64, 128, generator=torch.Generator().manual_seed(seed)).sort(1).values"
    problem = f"import torch\ndef reference(x): return {reference}\n"
    problem += f"def make_inputs(seed): return [{drawn}]"
    [experiment] = InputJitter().experiments(PROBLEM, 1)
    for body, found in ((reference, []), (kernel, ["input-specialised"])):
        source = f"import torch\ndef kernel(x): return {body}"
        seen = evidence(run(bench(zygote, source, problem), experiment))
        assert ids(FreshInputs(), seen) == []
        assert ids(InputJitter(), seen) == found
