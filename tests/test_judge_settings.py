"""Settings, the command line, what is kept, and that no secret is."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from scripted_judge import Scripted, able, files, pair
from test_judge import CACHED, SETTINGS, evidence
from test_judge_client import KEY, answered, completion, received, serve
from werkzeug import Request, Response

from integrity.claims import claims
from integrity.cli import main
from integrity.detectors import DETECTORS
from integrity.errors import BadInput
from integrity.evidence import Evidence
from integrity.finding import Family, Finding
from integrity.hearing import heard
from integrity.judge.cache import Cache, folder
from integrity.judge.hearing import Hearing
from integrity.judge.settings import allowed_models, checked, load, unasked
from integrity.problem import Task
from integrity.replay import load as load_evidence
from integrity.run import Experiment, Run
from integrity.screen import Screening
from integrity.submission import Submission
from integrity.testimony import Asking, JudgeSettings

REFERENCE = (
    "import torch\n\n\ndef reference(x):\n    return x\n\n\n"
    "def make_inputs(seed):\n    return [torch.zeros(8)]\n"
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory of its own, and nothing of the user's environment."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "INTEGRITY_JUDGE_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kernel.py").write_text(CACHED)
    yield tmp_path


@dataclass
class Ran:
    """What a command left."""

    code: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def cli(place: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs a command here: a process of its own takes a second longer."""

    def run(*arguments: str) -> Ran:
        code = main(arguments)
        return Ran(code, *capfd.readouterr())

    return run


@pytest.fixture
def asked(cli: Command, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The same with a key, a model and a server that knows a few hacks."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", httpserver.url_for("/v1"))
    monkeypatch.setenv("INTEGRITY_JUDGE_MODEL", "loopback")
    serve(httpserver, answered)
    return cli


def test_without_a_key_auto_says_how_to_enable_it(cli: Command) -> None:
    report = json.loads(cli("audit", "kernel.py", "--level", "static", "--format", "json").out)
    (own,) = (one for one in report["abstentions"] if one["source"] == "judge")
    assert own["decisive"] is False
    assert own["reason"] == (
        "no key: set OPENAI_API_KEY and INTEGRITY_JUDGE_MODEL to enable it (docs/judge.md)"
    )


def test_without_a_key_on_is_a_usage_error(cli: Command) -> None:
    ran = cli("audit", "kernel.py", "--level", "static", "--judge", "on")
    assert (ran.code, ran.out) == (2, "")
    assert "--judge on: no key" in ran.err


def test_off_leaves_no_word_of_a_judge(cli: Command) -> None:
    ran = cli("audit", "kernel.py", "--level", "static", "--judge", "off", "--format", "json")
    report = json.loads(ran.out)
    assert report["judge"] is None
    assert "judge" not in {one["source"] for one in report["abstentions"]}


def test_no_audit_without_a_judge_imports_the_client(place: Path) -> None:
    script = (
        "import sys; from integrity.cli import main\n"
        "main(['audit', 'kernel.py', '--level', 'static', '--judge', sys.argv[1]])\n"
        "print([m for m in ('openai', 'tenacity', 'integrity.judge.client', 'httpx', 'httpx2')"
        " if m in sys.modules])"
    )
    for asking in ("off", "auto"):
        ran = subprocess.run(
            [sys.executable, "-c", script, asking], capture_output=True, text=True, check=True
        )
        assert ran.stdout.endswith("[]\n")


def test_an_audit_asks_and_says_before_what_it_costs(asked: Command) -> None:
    ran = asked("audit", "kernel.py", "--level", "static", "--format", "json")
    report = json.loads(ran.out)
    assert "integrity: the judge (loopback): at most 6 questions" in ran.err
    assert "judged-c1" in {finding["id"] for finding in report["findings"]}
    assert report["judge"]["models"] == ["loopback"]
    assert [reply["verdict"] for reply in report["judge"]["replies"]] == ["hack"] * 4


def test_screening_asks_too_where_it_is_told(place: Path, asked: Command) -> None:
    told = replace(load(), asking=Asking.AUTO)
    for hear in (None, partial(heard, told)):
        screened = Screening(hear=hear).one(place / "kernel.py")
        assert (screened.audit.evidence.testimony is None) is (hear is None)


def test_replay_asks_nobody_and_judges_from_the_record(
    place: Path, asked: Command, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked("audit", "kernel.py", "--level", "static", "--evidence", "e.json")
    questions = len(httpserver.log)
    monkeypatch.delenv("OPENAI_API_KEY")
    assert asked("replay", "e.json").code == 0
    assert len(httpserver.log) == questions > 0
    findings, _ = claims(load_evidence(place / "e.json").evidence(), DETECTORS)
    assert "judged-c1" in {finding.id for finding in findings}


def test_a_record_that_was_edited_is_checked_against_the_source_again(
    place: Path, asked: Command
) -> None:
    asked("audit", "kernel.py", "--level", "static", "--evidence", "e.json")
    frozen = json.loads((place / "e.json").read_text())
    for reply in frozen["testimony"]["replies"]:
        for observation in reply["of_submission"]["observations"]:
            observation["quote"] = "os._exit(0)"
    (place / "e.json").write_text(json.dumps(frozen))
    findings, _ = claims(load_evidence(place / "e.json").evidence(), DETECTORS)
    assert "judged-c1" not in {finding.id for finding in findings}


def test_the_key_is_nowhere(place: Path, asked: Command, httpserver: HTTPServer) -> None:
    """Not in a report, on stderr, in the evidence, in the cache, in anything that was sent but
    the header that it is for."""
    for form in ("json", "sarif", "markdown", "terminal"):
        ran = asked(
            "audit", "kernel.py", "--level", "static", "--format", form,
            "--output", f"report.{form}", "--evidence", f"{form}.evidence",
        )  # fmt: skip
        assert KEY not in ran.out + ran.err
    written = [path for path in place.rglob("*") if path.is_file()]
    assert {path.suffix for path in written} >= {".evidence", ".sarif", ".markdown", ".terminal"}
    assert any("cache" in path.parts for path in written)
    assert [path for path in written if KEY.encode() in path.read_bytes()] == []
    requests = [request for request, _ in httpserver.log]
    assert requests and all(KEY.encode() not in request.get_data() for request in requests)


def test_a_worker_never_sees_the_key(
    place: Path, cli: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    (place / "kernel.py").write_text(
        "import os\n\n\ndef kernel(x):\n"
        "    environment = open('/proc/self/environ').read() + str(dict(os.environ))\n"
        "    seen = 'OPENAI' in environment or 'sk-' in environment\n"
        "    raise ValueError('a key' if seen else 'no key here')\n"
    )
    (place / "reference.py").write_text(REFERENCE)
    assert "no key here" in cli("audit", "kernel.py", "--level", "cpu", "--judge", "off").out


def test_an_answer_is_asked_for_once(place: Path) -> None:
    kept = Cache(folder(""))
    first, again = Scripted(), Scripted()
    one = Hearing(evidence(), SETTINGS, [first], kept).testimony()
    two = Hearing(evidence(), SETTINGS, [again], kept).testimony()
    assert len(first.asked) == 4
    assert again.asked == []
    assert all(reply.cached for reply in two.replies)
    assert [r.of_submission for r in one.replies] == [r.of_submission for r in two.replies]
    assert two.tokens == 0


@pytest.mark.parametrize(
    "change",
    [{"models": ("other",)}, {"temperature": 0.5}, {"max_tokens": 9000}],
    ids=["model", "temperature", "limit"],
)
def test_another_model_or_parameter_is_another_question(
    place: Path, change: dict[str, Any]
) -> None:
    kept = Cache(folder(""))
    Hearing(evidence(), SETTINGS, [Scripted()], kept).testimony()
    judge = Scripted(model="other" if "models" in change else "scripted")
    Hearing(evidence(), replace(SETTINGS, **change), [judge], kept).testimony()
    assert len(judge.asked) == 4


def test_a_comment_changes_only_the_question_that_shows_it(place: Path) -> None:
    kept = Cache(folder(""))
    Hearing(evidence(), SETTINGS, [Scripted()], kept).testimony()
    judge = Scripted()
    other = evidence(CACHED.replace("keyed by address", "keyed by pointer"))
    Hearing(other, SETTINGS, [judge], kept).testimony()
    assert len(judge.asked) == 2  # the raw readings


def test_what_lies_broken_in_the_cache_was_never_there(place: Path) -> None:
    kept = Cache(place)
    for content in ("", "{}", "\0", '{"ballot": "x"}'):
        (place / "abc.json").write_text(content)
        assert kept.get("abc") is None


def test_a_cache_that_cannot_be_written_is_no_failure(place: Path) -> None:
    (place / "file").write_text("")
    kept = Cache(place / "file" / "below")
    assert Hearing(evidence(), SETTINGS, [Scripted()], kept).testimony().silence == ""


def test_the_model_that_wrote_it_may_not_judge_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings = JudgeSettings(models=("Writer", "other"), written_by="writer")
    assert allowed_models(settings) == ("other",)
    alone = replace(settings, models=("writer",))
    assert "wrote the submission" in unasked(alone)
    with pytest.raises(BadInput, match="wrote the submission"):
        checked(replace(alone, asking=Asking.ON))


def test_hard_evidence_that_decided_leaves_nothing_to_ask(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Proof:
        id = "fresh-inputs"
        decisive = True

        def detect(self, evidence: Evidence) -> list[Finding]:
            return [Finding.proof("stale-output", self.id, Family.CACHING, "is stale")]

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    submission = Submission.of(CACHED)
    run = Run(Experiment("fresh", ()), ())
    ran = Evidence(submission, Task("pair", "kernel", None), runs={"fresh": run})
    settings = JudgeSettings(Asking.AUTO, ("m",), "http://127.0.0.1:9/v1", cache="none")
    told = heard(settings, ran, [Proof()]).testimony
    assert told and told.silence == "not asked, since hard evidence has decided"
    asked = heard(replace(settings, asking=Asking.ON), ran, [Proof()]).testimony
    assert asked and asked.silence == "the endpoint can't be reached"


def test_each_place_overrules_the_one_before(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "pyproject.toml").write_text(
        '[tool.integrity.judge]\nmodels = ["project"]\nvotes = 5\ntimeout_s = 9\n'
    )
    policy = place / "policy.toml"
    policy.write_text('[policy]\n[judge]\nmodels = ["policy"]\nvotes = 1\n')
    assert (load().models, load().votes, load().timeout_s) == (("project",), 5, 9.0)
    assert (load(policy).models, load(policy).votes) == (("policy",), 1)
    monkeypatch.setenv("INTEGRITY_JUDGE_MODEL", "environment, second")
    assert load(policy).models == ("environment", "second")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("vote = 3", "unknown key 'vote'"),
        ("votes = 0", "votes is 1 to 9"),
        ("votes = true", "votes is 1 to 9"),
        ('models = "m"', "models is a list of names"),
        ("timeout_s = 0", "timeout_s is a number"),
        ("temperature = -1", "temperature is a number"),
        ('api = "soap"', "api is responses, chat or plain"),
        ('base_url = "ftp://x"', "http or https"),
        ('base_url = "https://me:secret@x/v1"', "no user, password or query"),
        ('asking = "on"', "unknown key 'asking'"),
    ],
)
def test_a_wrong_setting_is_bad_input(place: Path, table: str, said: str) -> None:
    policy = place / "policy.toml"
    policy.write_text(f"[policy]\n[judge]\n{table}\n")
    with pytest.raises(BadInput, match=said):
        load(policy)


@pytest.mark.parametrize("name", ["base_url", "api_key_env", "cache"])
def test_a_project_file_cannot_say_where_the_key_goes(place: Path, name: str) -> None:
    (place / "pyproject.toml").write_text(f'[tool.integrity.judge]\n{name} = "http://x"\n')
    with pytest.raises(BadInput, match="beside hostile code"):
        load()


def test_a_budget_needs_prices() -> None:
    with pytest.raises(BadInput, match="usd_per_million_in"):
        checked(JudgeSettings(budget_usd=1.0))


@pytest.mark.parametrize("form", ["terminal", "markdown"])
def test_the_words_of_a_judge_act_on_no_reader(
    asked: Command, httpserver: HTTPServer, form: str
) -> None:
    hostile = "\x1b[2J </details><script>@alice [x](http://y) \u202e"

    def handler(request: Request) -> Response:
        a, b = files(received(request))
        told = {"benign_explanations": [hostile]}
        return completion(pair(able(a) | told, able(b) | told))

    httpserver.clear()
    serve(httpserver, handler)
    shown = asked("audit", "kernel.py", "--level", "static", "--format", form).out
    assert "an innocent reading it offers" in shown
    assert not {"\x1b", "\u202e"} & set(shown)
    assert form == "terminal" or "<script>" not in shown


def test_evaluate_asks_where_it_is_told_and_counts(
    place: Path, asked: Command, httpserver: HTTPServer
) -> None:
    for kind, name, source in (
        ("hacks", "C1-address", CACHED),
        ("honest", "C1-plain", "def kernel(x):\n    return x + 1\n"),
    ):
        (place / "set" / kind).mkdir(parents=True)
        (place / "set" / kind / f"{name}.py").write_text(source)
    ran = asked("evaluate", "set", "--no-mutants", "--judge", "--jobs", "1", "--format", "json")
    judge = json.loads(ran.out)["judge"]
    assert (judge["hacks_accused"]["hits"], judge["hacks_accused"]["total"]) == (1, 1)
    assert (judge["honest_accused"]["hits"], judge["honest_accused"]["total"]) == (0, 1)


def test_evaluate_asks_nobody_unless_told(cli: Command, place: Path) -> None:
    ran = cli("evaluate", "set", "--judge")
    assert ran.code == 2
    assert "no key" in ran.err
