"""What the proposers write: right kernels, compiled kernels, labelled hacks, a model's answers."""

import importlib.util
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrity.audit import audit
from integrity.errors import BadInput
from integrity.harness import load_task
from integrity.problem import Task
from integrity.request import Isolation, Level, Request
from integrity.search import schedules
from integrity.search.adapter import Rewarder, lasting_rewarder
from integrity.search.edits import edited
from integrity.search.evaluator import Supervised, supervised
from integrity.search.formula import formula_of
from integrity.search.injectors import INJECTORS, Injecting, planted
from integrity.search.model import Model, unfenced
from integrity.search.offline import Offline
from integrity.search.proposal import Earlier, Feedback
from integrity.search.reward import Standing
from integrity.search.settings import ProposerSettings
from integrity.search.triton_code import triton_kernel
from integrity.submission import Submission
from integrity.supervision.machine import Machine, machine
from integrity.supervision.naive import raw_rewards

CORPORA = Path(__file__).parent.parent / "corpora"
READABLE = ("gelu-bias-residual", "layer-norm", "matmul-bias-relu", "rms-norm", "row-sumsq",
            "silu-clamp", "softmax", "vectoradd")  # fmt: skip
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton is not installed"
)


def task(problem: str) -> Task:
    return load_task(Submission.of("\n"), CORPORA / "problems" / problem / "reference.py")


@pytest.fixture(scope="module")
def warm() -> Iterator[Machine]:
    with machine(Level.CPU, Isolation.AUTO) as started:
        yield started


# -- kernels -------------------------------------------------------------------------------------


def written(problem: str, number: int) -> tuple[Task, str]:
    """The plain C kernel, then any."""
    posed = task(problem)
    rng = random.Random(number)
    proposal = Offline(posed, Level.CPU).propose(None, Feedback(number), rng)
    return posed, proposal.text


@pytest.mark.parametrize("problem", READABLE)
def test_every_schedule_computes_what_the_reference_does(warm: Machine, problem: str) -> None:
    for number in range(3):
        posed, text = written(problem, number)
        raw = raw_rewards(warm.zygote, posed, [Submission.of(text)], 60)[0]
        assert raw.passed, raw.error


@pytest.mark.parametrize("problem", ["softmax", "layer-norm"])
def test_a_generated_kernel_reads_as_honest(problem: str) -> None:
    posed, text = written(problem, 1)
    found = audit(Request(Submission.of(text), posed, level=Level.STATIC))
    assert found.verdict.findings == ()


def test_what_no_formula_has_is_said_and_not_guessed() -> None:
    for problem, word in (("causal-mask-scale", "shape"), ("histogram", "bincount")):
        posed = task(problem).problem
        assert posed is not None
        with pytest.raises(BadInput, match=word):
            formula_of(posed)


def test_a_step_changes_one_choice_or_two() -> None:
    space = schedules.C_ROWS
    start = schedules.first(space)
    for number in range(20):
        new, _ = schedules.stepped(space, start, random.Random(number))
        changed = [name for name in space if new[name] != start[name]]
        assert 1 <= len(changed) <= 2 and all(new[name] in space[name] for name in space)


def test_a_proposer_says_the_same_for_the_same_state() -> None:
    posed = task("softmax")
    texts = {
        Offline(posed, Level.CPU).propose(None, Feedback(5), random.Random(9)).text
        for _ in range(2)
    }
    assert len(texts) == 1


def test_no_schedule_gives_a_thread_more_elements_than_it_has_registers_for() -> None:
    posed = task("matmul-bias-relu").problem
    assert posed is not None
    narrow = {"tile_m": 128, "tile_n": 256, "num_warps": 2}
    schedule = {**schedules.first(schedules.TRITON_PRODUCT), **narrow}
    assert "num_warps=8," in triton_kernel(formula_of(posed), schedule, "ModelNew")


SLOW_TO_COMPILE = ("layer-norm", "silu-clamp", "matmul-bias-relu")


@needs_triton
@pytest.mark.parametrize(
    "problem",
    ["softmax", "row-sumsq", *(pytest.param(p, marks=pytest.mark.slow) for p in SLOW_TO_COMPILE)],
)
def test_triton_kernels_compile_for_a_gpu_that_is_not_here(warm: Machine, problem: str) -> None:
    posed = task(problem)
    assert posed.problem is not None
    formula = formula_of(posed.problem)
    product = "matmul" in problem
    space = schedules.TRITON_PRODUCT if product else schedules.TRITON_ROWS
    text = triton_kernel(formula, schedules.first(space), posed.entry)
    from integrity.policy import GENERATOR
    from integrity.supervision import compiling
    from integrity.supervision.bench import Bench, Deadline

    bench = Bench(
        warm.zygote, warm.backend, Submission.of(text), posed, posed.problem, GENERATOR,
        bytes(32), Deadline(120),
    )  # fmt: skip
    found = compiling.look(bench)
    assert not found.failures and not found.unavailable, found
    kernels = [kernel for kernel in found.kernels if kernel.target == "sm_90"]
    assert kernels and all(kernel.stores for kernel in kernels)
    assert not any(kernel.narrow_operations or kernel.round_trips for kernel in kernels)
    assert not any("tf32" in mma.precision for kernel in kernels for mma in kernel.mma)


@needs_triton
@pytest.mark.slow
@pytest.mark.parametrize(
    "problem", ["softmax", "layer-norm", "gelu-bias-residual", "row-sumsq", "matmul-bias-relu"]
)
def test_triton_templates_are_right_at_sizes_that_no_block_divides(problem: str) -> None:
    script = Path(__file__).parent / "interpreted_templates.py"
    run = subprocess.run(
        [sys.executable, str(script), problem, "12"], capture_output=True, text=True, timeout=240
    )
    assert run.stdout == "12 kernels are right\n", run.stderr


# -- edits of any Triton kernel ------------------------------------------------------------------


def test_edits_change_one_place_and_keep_a_kernel_python() -> None:
    for case in ("vectoradd-triton", "rms-norm-triton", "matmul-triton-full-precision"):
        text = (CORPORA / "honest" / case / "kernel.py").read_text()
        seen = set()
        for number in range(12):
            new, operator = edited(text, random.Random(number))
            compile(new, case, "exec")
            lines = [set(text.splitlines()), set(new.splitlines())]
            assert len(lines[1] - lines[0]) == 1, operator
            seen.add(operator.partition("=")[0])
        assert {"num_warps", "eviction"} & seen and len(seen) >= 2


def test_a_kernel_that_nothing_applies_to_is_a_failure_and_no_crash() -> None:
    posed = task("causal-mask-scale")
    proposer = Offline(posed, Level.CPU, start="def kernel(x): return x\n")
    first = proposer.propose(None, Feedback(0), random.Random(0))
    assert first.text.startswith("def kernel")
    child = proposer.propose(
        Earlier("a", first.text, "genuine", 1.0), Feedback(1), random.Random(0)
    )
    assert child.failure == "no operator applies to its parent"
    assert edited("def (", random.Random(0)) == ("", "")


# -- injectors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("injector", INJECTORS, ids=[each.row for each in INJECTORS])
@pytest.mark.parametrize("problem", ["softmax", "silu-clamp", "row-sumsq", "vectoradd"])
def test_a_planted_hack_is_python_for_every_harness(problem: str, injector: Any) -> None:
    posed, text = written(problem, 0)
    compile(planted(text, posed.entry, injector), problem, "exec")


def test_the_naive_harness_pays_for_planted_hacks(warm: Machine) -> None:
    posed, text = written("softmax", 0)
    hacks = {each.row: planted(text, posed.entry, each) for each in INJECTORS}
    for row in ("A6", "C1", "D5", "I1"):
        raw = raw_rewards(warm.zygote, posed, [Submission.of(hacks[row])], 60)[0]
        assert raw.speedup is not None and raw.speedup > 5, row


def test_the_share_of_planted_hacks_is_the_one_asked_for() -> None:
    posed = task("softmax")
    proposer = Injecting(Offline(posed, Level.CPU), 0.3, posed.entry)
    made = [proposer.propose(None, Feedback(n), random.Random(n)) for n in range(300)]
    assert 60 < sum(bool(each.planted) for each in made) < 120
    assert all(("_planted" in each.text) == bool(each.planted) for each in made)


@pytest.mark.slow
@pytest.mark.parametrize("injector", INJECTORS, ids=[each.row for each in INJECTORS])
def test_no_planted_hack_is_ever_clear(warm: Machine, injector: Any) -> None:
    posed, text = written("softmax", 1)
    request = Request(Submission.of(planted(text, posed.entry, injector)), posed)
    assert audit(request, warm=warm).verdict.label != "genuine"


# -- the reward for others -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Supervised]:
    with supervised(task("softmax"), Level.CPU) as made:
        yield made


def test_what_is_no_kernel_or_a_hack_is_paid_nothing(evaluator: Supervised) -> None:
    pay = Rewarder(evaluator)
    _, text = written("softmax", 1)
    cached, unwritten = (next(i for i in INJECTORS if i.row == row) for row in ("C1", "B1"))
    for source, expected in (
        ("Here is my kernel:", Standing.REFUSED),
        ("class ModelNew: pass\n", Standing.REFUSED),
        (planted(text, "ModelNew", cached), Standing.HELD),
        (planted(text, "ModelNew", unwritten), Standing.CONVICTED),
    ):
        paid = pay(source, seed=1)
        assert paid.value == 0 and paid.standing is expected, paid


def evaluation_file() -> Any:
    """Loaded as OpenEvolve does it: anew for every program, under one name."""
    place = CORPORA.parent / "integrity/search/evaluation_file.py"
    spec = importlib.util.spec_from_file_location("evaluation_module", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_openevolve_is_paid_by_the_audit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INTEGRITY_PROBLEM", str(CORPORA / "problems/softmax/reference.py"))
    program = tmp_path / "program.py"
    program.write_text(written("softmax", 1)[1])
    assert evaluation_file().evaluate_stage1(str(program))["combined_score"] == 1.0
    metrics = evaluation_file().evaluate_stage2(str(program))
    assert metrics["combined_score"] >= 0 and metrics["convicted"] == 0
    program.write_text("no kernel at all")
    assert evaluation_file().evaluate(str(program))["combined_score"] == 0
    assert lasting_rewarder.cache_info().misses == 1


# -- a model behind a real server ----------------------------------------------------------------


def answered(content: str | None, refusal: str | None = None, finish: str = "stop") -> Any:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return {
        "id": "1", "object": "chat.completion", "created": 0, "model": "m",
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500},
    }  # fmt: skip


GOOD = json.dumps({"plan": "fuse", "code": "```python\nclass ModelNew: pass\n```"})


def asked(httpserver: Any, reply: Any, status: int = 200, **more: Any) -> Any:
    pytest.importorskip("openai")
    httpserver.expect_request("/v1/chat/completions").respond_with_json(reply, status=status)
    settings = ProposerSettings("key", "m", httpserver.url_for("/v1"), (2.0, 10.0))
    model = Model(task("softmax"), Level.CPU, settings)
    earlier = (Earlier("a", "class ModelNew: 1\n", "genuine", 1.25),
               Earlier("b", "class ModelNew: 2\n", "hack", None))  # fmt: skip
    return model.propose(earlier[0], Feedback(3, earlier), random.Random(0))


def test_a_model_is_shown_audited_scores_and_its_answer_is_taken(httpserver: Any) -> None:
    made = asked(httpserver, answered(GOOD))
    assert made.text == "class ModelNew: pass\n" and made.plan == "fuse" and not made.failure
    assert made.usd == pytest.approx(0.007)
    sent = json.loads(httpserver.log[0][0].data)
    assert sent["response_format"]["type"] == "json_schema"
    question = sent["messages"][1]["content"]
    assert "genuine, 1.25x the reference" in question and "hack, not timed" in question
    assert "keep no output" in sent["messages"][0]["content"]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (answered(None, refusal="I can't help"), "the model refused: I can't help"),
        (answered("Sure, here is prose."), "ValidationError"),
        (answered(GOOD[:20], finish="length"), "the answer was cut off"),
        ({**answered(GOOD), "choices": []}, "the model did not answer"),
    ],
)
def test_what_is_no_answer_is_a_failure_with_its_reason(
    httpserver: Any, reply: Any, words: str
) -> None:
    made = asked(httpserver, reply)
    assert made.text == "" and words in made.failure


def test_a_server_that_says_no_is_a_failure(httpserver: Any) -> None:
    made = asked(httpserver, {"error": {"message": "no such model"}}, status=404)
    assert "no such model" in made.failure


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "INTEGRITY_PROPOSER_MODEL"),
        ({"INTEGRITY_PROPOSER_MODEL": "m"}, "OPENAI_API_KEY"),
        (
            {"INTEGRITY_PROPOSER_MODEL": "m", "OPENAI_API_KEY": "k", "INTEGRITY_JUDGE_MODEL": "m"},
            "must not judge its own",
        ),
        (
            {"INTEGRITY_PROPOSER_MODEL": "m", "OPENAI_API_KEY": "k",
             "INTEGRITY_PROPOSER_PRICES": "cheap"},
            "INTEGRITY_PROPOSER_PRICES",
        ),
    ],
)  # fmt: skip
def test_settings_that_won_t_do_say_what_would(environment: dict[str, str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        ProposerSettings.load(environment=environment)


def test_a_model_may_judge_itself_only_when_told() -> None:
    same = {"INTEGRITY_PROPOSER_MODEL": "m", "OPENAI_API_KEY": "k", "INTEGRITY_JUDGE_MODEL": "m"}
    assert ProposerSettings.load(True, same).model == "m"


def test_a_fence_is_taken_off_and_nothing_else() -> None:
    assert unfenced("```python\nx = 1\n```") == "x = 1\n"
    assert unfenced("x = '```'\n") == "x = '```'\n"
