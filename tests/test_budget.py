"""A budget is spent on what tells most a second, and what it did not reach is said."""

from dataclasses import replace

from integrity.audit import audit
from integrity.budget import Budget, information, seconds
from integrity.detectors import DETECTORS
from integrity.problem import Convention, Problem, Task
from integrity.request import Request
from integrity.run import Call, Experiment, Inputs, Role
from integrity.submission import Submission
from integrity.verdict import Label

PROBLEM = Problem(
    "pair", Convention.ARGUMENTS,
    {"reference": "import torch\ndef reference(x): return x + 1\n"
     "def make_inputs(seed): return [torch.randn(64)]"},
    "reference", "make_inputs",
)  # fmt: skip
SHORT = Experiment("short", tuple(Call((Inputs(draw),)) for draw in range(4)))
LONG = replace(SHORT, name="long", calls=SHORT.calls * 20, timed=True)


def test_without_a_limit_everything_fits_and_what_is_timed_comes_last() -> None:
    budget = Budget(None)
    assert [e.name for e in budget.in_order([LONG, SHORT], {"long": 99.0})] == ["short", "long"]
    assert budget.refusal(replace(LONG, calls=LONG.calls * 1000)) == ""


def test_what_tells_most_a_second_comes_first() -> None:
    budget = Budget(60.0)
    names = [e.name for e in budget.in_order([LONG, SHORT], {"long": 2.0, "short": 2.0})]
    assert names == ["short", "long"]
    names = [e.name for e in budget.in_order([SHORT, LONG], {"long": 99.0, "short": 2.0})]
    assert names == ["long", "short"]


def test_more_roles_more_calls_and_longer_pauses_cost_more() -> None:
    more = (
        replace(SHORT, roles=(Role.SUBMISSION, Role.REFERENCE)),
        LONG,
        replace(SHORT, calls=tuple(replace(call, gap_us=10_000) for call in SHORT.calls)),
    )
    assert all(seconds(each) > seconds(SHORT) for each in more)


def test_what_does_not_fit_is_refused_with_the_numbers() -> None:
    budget = Budget(0.5)
    assert budget.refusal(SHORT) == ""
    assert "--budget-seconds 0.5" in budget.refusal(LONG)


def test_a_slow_problem_makes_everything_after_it_dearer() -> None:
    budget = Budget(5.0)
    assert budget.refusal(LONG) == ""
    budget.book(SHORT, 10 * seconds(SHORT))
    assert budget.refusal(LONG) != ""


def test_every_experiment_is_worth_something_and_proof_most() -> None:
    worth = information(DETECTORS, PROBLEM, 1)
    assert min(worth.values()) > 0
    assert worth["values:pointers"] > worth["batches"]


def test_a_budget_that_is_spent_at_once_leaves_abstentions() -> None:
    submission = Submission.of("def kernel(x): return x + 1")
    finished = audit(Request(submission, Task("pair", "kernel", PROBLEM), budget_s=0.001))
    assert finished.verdict.label is not Label.GENUINE
    assert finished.evidence.runs == {}
    reasons = {a.source: a.reason for a in finished.verdict.abstentions}
    assert "--budget-seconds" in reasons["fresh-inputs"]
    assert "--budget-seconds" in reasons["speedup"]
