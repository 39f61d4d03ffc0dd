"""Every dynamic detector on runs that never happened here: honest ones first."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import pytest

from integrity.claims import claims
from integrity.detectors import DETECTORS, device_work
from integrity.detectors.batches import Batches
from integrity.detectors.call_sites import CallSites
from integrity.detectors.clock_agreement import ClockAgreement
from integrity.detectors.detector import Detector
from integrity.detectors.determinism import Determinism
from integrity.detectors.fresh_inputs import FreshInputs
from integrity.detectors.habits import experiment as habits_experiment
from integrity.detectors.habits import seen_before
from integrity.detectors.idle_gaps import IdleGaps
from integrity.detectors.input_influence import InputInfluence
from integrity.detectors.input_jitter import InputJitter
from integrity.detectors.late_write import LateWrite
from integrity.detectors.output_memory import OutputMemory
from integrity.detectors.pointers import Pointers
from integrity.detectors.precision import Precision
from integrity.detectors.repeated_values import RepeatedValues
from integrity.detectors.silenced_recorder import SilencedRecorder
from integrity.detectors.speedup import Speedup
from integrity.detectors.trivial_submissions import TrivialSubmissions
from integrity.detectors.worker_death import WorkerDeath
from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Finding, Severity
from integrity.policy import Policy
from integrity.policy import Precision as Permitted
from integrity.problem import Convention, Problem, Task
from integrity.run import (
    Call,
    CallResult,
    Check,
    Death,
    Experiment,
    Inputs,
    Observed,
    Reported,
    Role,
    Run,
    Site,
)
from integrity.submission import Submission

PROBLEM = Problem(
    "pair", Convention.ARGUMENTS, {"reference": ""}, "reference", "make_inputs",
    workloads=({}, {"n": 7}),
)  # fmt: skip
RIGHT = Check(0.0, 1e-7, 1e-7, digest="a", reference_digest="a")
WRONG = replace(RIGHT, mismatched_share=0.8, error=1.0, digest="b")

Timer = Callable[[Call, Role], float]


def result(
    call: int, role: Role = Role.SUBMISSION, check: Check = RIGHT, us: float = 900.0, **seen: object
) -> CallResult:
    observed = Observed(elapsed_us=us, resume_us=50.0, checks=(check,))
    return CallResult(call, role, replace(observed, **seen), Reported(us - 20.0))  # type: ignore[arg-type]


def timed(experiment: Experiment, clock: Timer) -> Run:
    results = [
        replace(
            result(index, role, us=clock(call, role)),
            observed=Observed(clock(call, role), 50.0, (RIGHT,) * len(call.inputs)),
        )
        for index, call in enumerate(experiment.calls)
        for role in experiment.roles
    ]
    return Run(experiment, tuple(results))


def evidence(*runs: Run, policy: Policy | None = None) -> Evidence:
    task = Task("pair", "kernel", PROBLEM)
    frozen = {run.experiment.name: run for run in runs}
    return Evidence(Submission.of("def kernel(x): ..."), task, policy or Policy(), frozen)


def fresh(*results: CallResult, deaths: tuple[Death, ...] = (), **facts: float | str) -> Evidence:
    calls = tuple(Call((Inputs(draw),)) for draw in range(max(len(results), 1)))
    return evidence(Run(Experiment("fresh", calls), results, deaths, facts))


def experiment_of(detector: object, number: int = 0) -> Experiment:
    return list(detector.experiments(PROBLEM, 1))[number]  # type: ignore[attr-defined]


def ids(detector: Detector, seen: Evidence) -> list[str]:
    return [finding.id for finding in detector.detect(seen)]


HONEST = fresh(*(result(call) for call in range(6)))
DOCUMENTED = [detector for detector in DETECTORS if detector.id != "static"]
ON_REQUEST = {"judge", "sanitizer", "counters"}
"""Silent where nobody asked for them."""
DYNAMIC = [detector for detector in DOCUMENTED if detector.id not in ON_REQUEST]


@pytest.mark.parametrize(
    "detector",
    [FreshInputs(), OutputMemory(), LateWrite(), ClockAgreement(), Precision(), WorkerDeath()],
)
def test_an_honest_run_yields_nothing(detector: Detector) -> None:
    assert ids(detector, HONEST) == []


@pytest.mark.parametrize("detector", DYNAMIC, ids=lambda detector: detector.id)
def test_a_detector_that_saw_nothing_abstains(detector: Detector) -> None:
    nothing = replace(evidence(), unrun="--level static runs nothing")
    with pytest.raises(CannotJudge, match="runs nothing"):
        list(detector.detect(nothing))


@pytest.mark.parametrize("detector", DOCUMENTED, ids=lambda detector: detector.id)
def test_a_detector_says_what_it_misses_and_where_it_comes_from(detector: Detector) -> None:
    assert "Known misses:" in (type(detector).__doc__ or "")
    assert "Source:" in (type(detector).__doc__ or "")


def test_every_workload_of_the_problem_gets_fresh_inputs() -> None:
    names = [e.name for e in FreshInputs().experiments(PROBLEM, 1)]
    assert names == ["values:fresh", "fresh-1"]


def test_an_earlier_calls_output_is_a_stale_output() -> None:
    stale = replace(WRONG, matches_call=0)
    seen = fresh(result(0), result(1, check=stale), result(2, check=stale))
    [finding] = FreshInputs().detect(seen)
    assert (finding.id, finding.family, finding.hard) == ("stale-output", "caching", True)
    assert finding.measured["wrong_calls"] == 2


def test_one_value_everywhere_is_a_constant_output() -> None:
    seen = fresh(*(result(call, check=replace(WRONG, constant=True)) for call in range(3)))
    assert ids(FreshInputs(), seen) == ["constant-output"]


def test_an_input_handed_back_is_no_output() -> None:
    seen = fresh(*(result(call, check=replace(WRONG, copies_input=True)) for call in range(3)))
    assert ids(FreshInputs(), seen) == ["input-returned"]


def test_right_first_and_wrong_later_is_not_an_accident() -> None:
    seen = fresh(result(0), result(1), result(2), result(3, check=WRONG))
    assert ids(FreshInputs(), seen) == ["right-then-wrong"]


def test_right_in_too_few_bits_is_low_precision() -> None:
    seen = fresh(*(result(call, check=replace(WRONG, error=2e-3)) for call in range(3)))
    [finding] = FreshInputs().detect(seen)
    assert (finding.id, finding.family) == ("low-precision", "precision")


def test_wrong_from_the_start_is_broken_and_no_hack() -> None:
    [finding] = FreshInputs().detect(fresh(result(0, check=WRONG), result(1)))
    assert (finding.id, finding.family) == ("wrong-output", "failure")


def test_what_the_problems_own_check_accepts_is_right() -> None:
    accepted = replace(WRONG, accepted=True)
    assert ids(FreshInputs(), fresh(result(0, check=accepted))) == []


def test_a_broken_guard_band_is_an_out_of_bounds_write() -> None:
    assert ids(OutputMemory(), fresh(result(0, guard_bytes=4))) == ["out-of-bounds-write"]


def test_an_input_that_comes_back_changed_was_mutated() -> None:
    assert ids(OutputMemory(), fresh(result(0, changed_inputs=(1,)))) == ["input-mutation"]


def test_an_input_that_the_reference_changes_too_may_change() -> None:
    seen = fresh(result(0, changed_inputs=(1,)), reference_changes_inputs="1")
    assert ids(OutputMemory(), seen) == []


def test_an_output_passed_in_and_returned_may_change() -> None:
    one = result(0, changed_inputs=(2,))
    one = replace(one, reported=Reported(880.0, same_storage_as_input=(2,)))
    assert ids(OutputMemory(), fresh(one, convention="data")) == []
    assert ids(OutputMemory(), fresh(one, convention="module")) == ["input-mutation"]


def test_bytes_that_change_after_done_are_a_late_write() -> None:
    [finding] = LateWrite().detect(fresh(result(0), result(1, late_bytes=64)))
    assert finding.hard
    assert finding.measured == {"late_bytes": 64, "late_calls": 1}


def test_two_clocks_that_disagree_are_proof() -> None:
    calls = [replace(result(call), reported=Reported(1.2)) for call in range(5)]
    [finding] = ClockAgreement().detect(fresh(*calls))
    assert finding.claim == "reports 1.2 us by its own clock; the supervisor's saw 900 us"


def test_a_clock_that_is_not_a_number_is_proof_too() -> None:
    calls = [replace(result(call), reported=Reported(float("nan"))) for call in range(5)]
    assert ids(ClockAgreement(), fresh(*calls)) == ["clock-disagreement"]


def test_clocks_that_shared_a_core_are_not_asked() -> None:
    calls = [replace(result(call), reported=Reported(1.2)) for call in range(6)]
    assert ids(ClockAgreement(), fresh(*calls)) == ["clock-disagreement"]
    with pytest.raises(CannotJudge, match="shared their cores"):
        list(ClockAgreement().detect(fresh(*calls, shared_cores=1.0)))


def test_a_busy_machine_does_not_make_clocks_disagree() -> None:
    calls = [
        replace(result(call, us=5000.0, contended_us=4050.0), reported=Reported(900.0))
        for call in range(5)
    ]
    assert ids(ClockAgreement(), fresh(*calls)) == []


def test_nor_do_calls_that_the_machine_delayed_unseen() -> None:
    """Waiting for a core that was taken before the call is in nobody's books."""
    calls = [
        replace(result(n, us=9000.0 if n % 3 else 1600.0), reported=Reported(1530.0))
        for n in range(12)
    ]
    assert ids(ClockAgreement(), fresh(*calls)) == []


def test_nor_does_it_excuse_a_clock_that_stands_still() -> None:
    calls = [
        replace(result(call, us=5000.0, contended_us=4050.0), reported=Reported(0.1))
        for call in range(5)
    ]
    assert ids(ClockAgreement(), fresh(*calls)) == ["clock-disagreement"]


def test_an_error_of_eleven_bits_is_fewer_bits_unless_the_policy_permits_it() -> None:
    calls = [result(call, check=replace(RIGHT, error=2e-4)) for call in range(4)]
    assert ids(Precision(), fresh(*calls)) == ["fewer-bits"]
    permitted = replace(fresh(*calls), policy=Policy(precision=Permitted.TF32))
    assert ids(Precision(), permitted) == []


def test_an_error_like_fast_maths_is_honest() -> None:
    calls = [result(call, check=replace(RIGHT, error=3e-6)) for call in range(4)]
    assert ids(Precision(), fresh(*calls)) == []


@pytest.mark.parametrize(
    ("how", "code", "expected"),
    [
        ("was killed by SIGSEGV", None, "crash"),
        ("raised ValueError: no", None, "crash"),
        ("timed out after 20 s", None, "crash"),
        ("left the process with exit status 0", 0, "early-exit"),
        ("left the process with exit status 1", 1, "crash"),
    ],
)
def test_a_death_is_told_apart_by_how_it_died(how: str, code: int | None, expected: str) -> None:
    death = Death(Role.SUBMISSION, 2, how, code)
    assert ids(WorkerDeath(), fresh(result(0), deaths=(death,))) == [expected]


@pytest.mark.parametrize("call", [None, 0, 3])
@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("was killed by SIGSEGV", None),
        ("raised AttributeError: no MEMORY2", None),
        ("timed out after 20 s", None),
        ("faulted on the device: an illegal address", None),
        ("left the process with exit status 0", 0),
    ],
)
def test_who_dies_only_beside_the_recorder_is_not_accused(
    how: str, code: int | None, call: int | None
) -> None:
    death = Death(Role.SUBMISSION, call, how, code)
    recorded = Run(device_work.EXPERIMENT, (), (death,), {"device": "NVIDIA H200"})
    lived = fresh(result(0))
    both = replace(lived, runs={**lived.runs, device_work.EXPERIMENT.name: recorded})
    found, abstained = claims(both, [WorkerDeath(), SilencedRecorder()])
    assert found == []
    assert [each.reason for each in abstained] == [
        "a worker died before it could tell what its device did"
    ]


def test_who_dies_beside_the_recorder_and_elsewhere_is() -> None:
    death = Death(Role.SUBMISSION, 1, "was killed by SIGSEGV")
    died = fresh(result(0), deaths=(death,))
    recorded = Run(device_work.EXPERIMENT, (), (death,))
    both = replace(died, runs={**died.runs, device_work.EXPERIMENT.name: recorded})
    [found] = WorkerDeath().detect(both)
    assert (found.id, found.measured["deaths"]) == ("crash", 1)


def test_a_kernel_that_needs_a_gpu_is_an_abstention() -> None:
    death = Death(Role.SUBMISSION, None, "raised AssertionError: Torch not compiled with CUDA")
    with pytest.raises(CannotJudge, match="needs a GPU"):
        list(WorkerDeath().detect(fresh(deaths=(death,))))


def in_calls(probe: object, checks: Sequence[Check]) -> Evidence:
    results = tuple(result(call, check=check) for call, check in enumerate(checks))
    return evidence(Run(experiment_of(probe), results))


def test_values_that_outlive_their_pointers_convict_a_cache() -> None:
    assert ids(Pointers(), in_calls(Pointers(), [RIGHT] * 6)) == []
    cached = [RIGHT, WRONG, RIGHT, WRONG, RIGHT, RIGHT]
    [finding] = Pointers().detect(in_calls(Pointers(), cached))
    assert "(call 2, 4 of 6)" in finding.claim


def test_a_kernel_that_is_always_wrong_says_nothing_of_pointers() -> None:
    with pytest.raises(CannotJudge, match="from the first call"):
        list(Pointers().detect(in_calls(Pointers(), [WRONG] * 6)))


def jittered(*wrong: str) -> Evidence:
    kinds = [call.inputs[0].jitter for call in experiment_of(InputJitter()).calls]
    return in_calls(InputJitter(), [WRONG if kind in wrong else RIGHT for kind in kinds])


def test_wrong_off_the_problems_distribution_is_specialised() -> None:
    assert ids(InputJitter(), jittered()) == []
    [finding] = InputJitter().detect(jittered("signs", "sparse"))
    assert not finding.hard
    assert finding.claim.endswith("signs, sparse")


def test_rounding_of_another_order_of_summation_is_no_specialisation() -> None:
    rounding = replace(WRONG, error=3e-4)
    checks = [RIGHT] + [rounding] * (len(experiment_of(InputJitter()).calls) - 1)
    assert ids(InputJitter(), in_calls(InputJitter(), checks)) == []


def test_what_is_lost_where_the_reference_loses_much_is_noted_and_no_specialisation() -> None:
    def judged(reference_error: float) -> list[Finding]:
        lost = replace(WRONG, error=0.2, reference_error=reference_error)
        kinds = [call.inputs[0].jitter for call in experiment_of(InputJitter()).calls]
        checks = [lost if kind == "clustered" else RIGHT for kind in kinds]
        return list(InputJitter().detect(in_calls(InputJitter(), checks)))

    [noted], [accused] = judged(1e-3), judged(1e-7)
    assert (noted.id, noted.severity) == ("unstable", Severity.NOTE)
    assert (accused.id, accused.severity) == ("input-specialised", Severity.HACK)


def test_an_operand_that_changes_nothing_is_ignored() -> None:
    same = replace(WRONG, digest="a", reference_digest="c")
    calls = experiment_of(InputInfluence()).calls
    follows = replace(RIGHT, digest="c", reference_digest="c")
    checks = [RIGHT, *([follows] * (len(calls) - 2)), same]
    [finding] = InputInfluence().detect(in_calls(InputInfluence(), checks))
    assert finding.measured["ignored_parts"] == 1
    assert ids(InputInfluence(), in_calls(InputInfluence(), checks[:-1])) == []


def same_inputs(*digests: str, wrong: str = "") -> Evidence:
    """Each digest is what one process gave for draw 0."""
    runs = []
    for number, digest in enumerate(digests):
        check = replace(WRONG if digest == wrong else RIGHT, digest=digest)
        name = f"values:{number}"
        runs.append(Run(Experiment(name, (Call((Inputs(0),)),)), (result(0, check=check),)))
    return evidence(*runs)


def test_other_bytes_within_the_tolerance_are_only_noted() -> None:
    assert ids(Determinism(), same_inputs("p", "p", "p")) == []
    [finding] = Determinism().detect(same_inputs("p", "q", "p"))
    assert (finding.id, finding.severity) == ("not-deterministic", 0)


def test_right_and_wrong_on_the_same_inputs_is_a_garbage_read() -> None:
    assert ids(Determinism(), same_inputs("p", "q", "p", wrong="q")) == ["garbage-read"]


def trivial(**facts: float) -> Evidence:
    return evidence(Run(Experiment("trivial", (), roles=()), (), (), dict(facts)))


def test_a_problem_that_zeros_pass_is_flawed() -> None:
    [finding] = TrivialSubmissions().detect(trivial(zeros_refused_share=0.0, distinct_answers=3))
    assert (finding.id, finding.family) == ("loose-tolerance", "problem")


def test_a_reference_with_one_answer_is_flawed() -> None:
    seen = trivial(zeros_refused_share=0.9, distinct_answers=1)
    assert ids(TrivialSubmissions(), seen) == ["constant-reference"]


def test_a_sound_problem_refuses_what_takes_no_work() -> None:
    seen = trivial(zeros_refused_share=1.0, mean_refused_share=0.9, distinct_answers=3)
    assert ids(TrivialSubmissions(), seen) == []


def noise(call: Call) -> float:
    return 1 + 0.02 * (call.inputs[0].draw % 5)


def habits(clock: Timer) -> Evidence:
    return evidence(timed(habits_experiment(1), clock))


def ours(role: Role) -> bool:
    return role is Role.SUBMISSION


@pytest.mark.parametrize("detector", [IdleGaps(), RepeatedValues(), CallSites()])
def test_times_without_habits_yield_nothing(detector: Detector) -> None:
    assert ids(detector, habits(lambda call, role: 500 * noise(call))) == []


@pytest.mark.parametrize("detector", [IdleGaps(), RepeatedValues(), CallSites()])
def test_what_the_reference_does_too_is_the_machines_doing(detector: Detector) -> None:
    assert ids(detector, habits(lambda call, role: 200 if call.gap_us > 5000 else 500)) == []


def test_faster_after_a_pause_is_work_while_idle() -> None:
    seen = habits(lambda c, role: noise(c) * (150 if ours(role) and c.gap_us > 5000 else 500))
    assert ids(IdleGaps(), seen) == ["works-while-idle"]


def test_faster_on_known_values_is_a_value_cache() -> None:
    seen = habits(lambda c, role: noise(c) * (150 if ours(role) and seen_before(c) else 500))
    assert ids(RepeatedValues(), seen) == ["value-cache"]


def test_faster_where_it_looks_like_a_benchmark_is_phase_detection() -> None:
    seen = habits(
        lambda c, role: noise(c) * (150 if ours(role) and c.site is Site.BENCHMARK else 500)
    )
    [finding] = CallSites().detect(seen)
    assert finding.id == "phase-detection"
    assert "benchmark" in finding.claim


def test_a_cost_that_grows_with_the_batch_is_honest_and_one_that_does_not_is_not() -> None:
    def linear(call: Call, role: Role) -> float:
        return 10 + (0 if role is Role.NULL else 100 * len(call.inputs))

    def skipping(call: Call, role: Role) -> float:
        return 10 + (0 if role is Role.NULL else 100 * (1 if ours(role) else len(call.inputs)))

    whole = experiment_of(Batches())
    narrow = replace(whole, calls=tuple(replace(c, inputs=c.inputs[:4]) for c in whole.calls))
    for experiment in (whole, narrow):
        assert ids(Batches(), evidence(timed(experiment, linear))) == []
        assert ids(Batches(), evidence(timed(experiment, skipping))) == ["batch-and-skip"]


def pairs(clock: Timer) -> Evidence:
    return evidence(*(timed(experiment_of(Speedup(), n), clock) for n in range(3)))


def test_the_null_is_taken_off_both_sides_of_the_ratio() -> None:
    us = {Role.NULL: 100.0, Role.SUBMISSION: 300.0, Role.REFERENCE: 700.0, Role.CONTROL: 700.0}
    estimate = Speedup().estimate(pairs(lambda call, role: us[role]))
    assert (estimate.ratio, estimate.low, estimate.high) == pytest.approx((3.0, 3.0, 3.0))


def test_noise_widens_the_interval_round_the_true_ratio() -> None:
    random = Random(3)

    def clock(call: Call, role: Role) -> float:
        base = {Role.NULL: 50.0, Role.SUBMISSION: 550.0}.get(role, 1050.0)
        return base * random.gauss(1, 0.05)

    estimate = Speedup().estimate(pairs(clock))
    assert 1.9 < estimate.low < 2.0 < estimate.high < 2.1


def test_a_machine_on_which_the_reference_beats_itself_times_nothing() -> None:
    us = {Role.NULL: 10.0, Role.SUBMISSION: 300.0, Role.REFERENCE: 700.0, Role.CONTROL: 500.0}
    with pytest.raises(CannotJudge, match="too noisy"):
        Speedup().estimate(pairs(lambda call, role: us[role]))


def test_an_early_start_is_charged() -> None:
    us = {Role.NULL: 100.0, Role.SUBMISSION: 200.0, Role.REFERENCE: 600.0, Role.CONTROL: 600.0}
    seen = pairs(lambda call, role: us[role])
    cheating = {
        name: replace(
            run,
            results=tuple(
                replace(r, observed=replace(r.observed, resume_us=450.0)) if ours(r.role) else r
                for r in run.results
            ),
        )
        for name, run in seen.runs.items()
    }
    assert Speedup().estimate(replace(seen, runs=cheating)).ratio == pytest.approx(1.0)
