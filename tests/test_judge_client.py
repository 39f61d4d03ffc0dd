"""A real server on the loopback: every way in which an endpoint can fail is an abstention."""

import json
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from pytest_httpserver import HTTPServer
from scripted_judge import able, files, pair
from werkzeug import Request, Response

from integrity.claims import claims
from integrity.detectors.judge import Judge
from integrity.evidence import Evidence
from integrity.hearing import heard
from integrity.judge.question import Question
from integrity.judge.settings import load
from integrity.problem import Task
from integrity.submission import Submission
from integrity.testimony import Asking, JudgeSettings

KEY = "sk-loopback-0123456789"
SOURCE = "store = {}\n\n\ndef kernel(x):\n    return store.setdefault(x.data_ptr(), x + 1)\n"
Serve = Callable[[Request], Response]


@pytest.fixture
def settings(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> JudgeSettings:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", httpserver.url_for("/v1"))
    monkeypatch.setenv("INTEGRITY_JUDGE_MODEL", "loopback")
    return replace(load(), asking=Asking.ON, cache="none", timeout_s=20.0)


def completion(text: str | None, finish: str = "stop", **message: object) -> Response:
    choice = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": text} | message,
    }
    body = {
        "id": "x", "object": "chat.completion", "created": 1, "model": "loopback",
        "choices": [choice],
        "usage": {"prompt_tokens": 900, "completion_tokens": 90, "total_tokens": 990},
    }  # fmt: skip
    return Response(json.dumps(body), content_type="application/json")


def received(request: Request) -> Question:
    """The question in a request."""
    return Question("", json.loads(request.get_data())["messages"][-1]["content"], 1, True)


def answered(request: Request) -> Response:
    """What an able model answers."""
    return completion(pair(*map(able, files(received(request)))))


def serve(httpserver: HTTPServer, handler: Serve) -> None:
    httpserver.expect_request("/v1/chat/completions").respond_with_handler(handler)


def reasons(settings: JudgeSettings) -> str:
    """Why the judge abstains; empty where it has findings."""
    evidence = Evidence(Submission.of(SOURCE), Task("pair", "kernel", None))
    findings, abstentions = claims(heard(settings, evidence), [Judge()])
    assert bool(findings) != bool(abstentions)
    return "; ".join(abstention.reason for abstention in abstentions)


def test_a_good_answer_is_heard(httpserver: HTTPServer, settings: JudgeSettings) -> None:
    serve(httpserver, answered)
    assert reasons(settings) == ""
    (request, _), *_ = httpserver.log
    sent = json.loads(request.get_data())
    assert sent["response_format"]["type"] == "json_schema"
    assert sent["response_format"]["json_schema"]["strict"] is True
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert "tools" not in sent


def test_tokens_and_price_are_counted(httpserver: HTTPServer, settings: JudgeSettings) -> None:
    serve(httpserver, answered)
    priced = replace(settings, usd_per_million_in=1.0, usd_per_million_out=10.0)
    evidence = Evidence(Submission.of(SOURCE), Task("pair", "kernel", None))
    testimony = heard(priced, evidence).testimony
    assert testimony and testimony.tokens == 4 * 990
    assert testimony.usd == pytest.approx(4 * (900 + 10 * 90) / 1e6)


def a_good_one_but(**change: object) -> Serve:
    def handler(request: Request) -> Response:
        return completion(**{"text": "{}", **change})  # type: ignore[arg-type]

    return handler


def with_status(code: int, **headers: str) -> Serve:
    def handler(request: Request) -> Response:
        return Response(f'{{"error": {{"message": "bad key {KEY}"}}}}', code, headers)

    return handler


def cut(request: Request) -> Response:
    whole = completion("{}").get_data()
    return Response(whole[: len(whole) // 2], content_type="application/json")


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (a_good_one_but(text=None, refusal="I can't help with that."), "refused to answer"),
        (a_good_one_but(text='{"file_a":', finish="length"), "cut at its length limit"),
        (a_good_one_but(text=None, finish="content_filter"), "refused to answer"),
        (a_good_one_but(text='{"file_a": 7, "file_b": []}'), "not of the shape"),
        (a_good_one_but(text="Der Kernel ist sauber."), "not of the shape"),
        (a_good_one_but(text=""), "empty"),
        (a_good_one_but(text="[" * 100_000), "not of the shape"),
        (a_good_one_but(text='"' + "x" * 3_000_000 + '"'), "longer than 200000 characters"),
        (lambda request: Response("", content_type="application/json"), "not of the shape"),
        (lambda request: Response("{}", content_type="application/json"), "not of the shape"),
        (lambda request: Response('{"choices": null}', content_type="application/json"), "shape"),
        (lambda request: Response("<p>502</p>", content_type="text/html"), "not of the shape"),
        (cut, "not of the shape"),
        (with_status(401), "refuses the key (401)"),
        (with_status(404), "status 404"),
        (with_status(429, **{"Retry-After-Ms": "5"}), "rate or the quota (429)"),
        (with_status(500, **{"Retry-After-Ms": "5"}), "status 500"),
    ],
    ids=[
        "refusal", "length", "filtered", "schema", "another language", "empty", "deep", "huge",
        "no body", "no fields", "null choices", "html", "truncated", "401", "404", "429 forever",
        "500 forever",
    ],
)  # fmt: skip
def test_what_is_no_answer_is_an_abstention_that_says_which(
    httpserver: HTTPServer, settings: JudgeSettings, handler: Serve, said: str
) -> None:
    serve(httpserver, handler)
    reason = reasons(settings)
    assert said in reason
    assert KEY not in reason


def test_a_429_with_retry_after_is_asked_again(
    httpserver: HTTPServer, settings: JudgeSettings
) -> None:
    busy = iter([True])
    again = with_status(429, **{"Retry-After-Ms": "5"})
    serve(httpserver, lambda request: again(request) if next(busy, False) else answered(request))
    assert reasons(settings) == ""


def test_a_server_that_knows_no_schema_is_told_about_it_in_words(
    httpserver: HTTPServer, settings: JudgeSettings
) -> None:
    def handler(request: Request) -> Response:
        said = json.loads(request.get_data())
        if "response_format" in said:
            return with_status(400)(request)
        assert "JSON Schema" in said["messages"][0]["content"]
        return answered(request)

    serve(httpserver, handler)
    assert reasons(settings) == ""
    refused = [response.status_code for _, response in httpserver.log].count(400)
    assert refused == 1  # asked once, remembered after


def test_the_responses_interface_is_used_where_it_is_set(
    httpserver: HTTPServer, settings: JudgeSettings
) -> None:
    def handler(request: Request) -> Response:
        said = json.loads(request.get_data())
        text = pair(*map(able, files(Question("", said["input"], 1, True))))
        part = {"type": "output_text", "text": text, "annotations": []}
        message = {"type": "message", "id": "m", "role": "assistant", "status": "completed",
                   "content": [part]}  # fmt: skip
        body = {
            "id": "r", "object": "response", "created_at": 1, "model": "loopback",
            "status": "completed", "output": [message], "parallel_tool_calls": False,
            "tool_choice": "none", "tools": [],
            "usage": {"input_tokens": 9, "output_tokens": 9, "total_tokens": 18,
                      "input_tokens_details": {"cached_tokens": 0},
                      "output_tokens_details": {"reasoning_tokens": 0}},
        }  # fmt: skip
        return Response(json.dumps(body), content_type="application/json")

    httpserver.expect_request("/v1/responses").respond_with_handler(handler)
    assert reasons(replace(settings, api="responses")) == ""


def test_an_endpoint_that_hangs_costs_one_time_out(
    httpserver: HTTPServer, settings: JudgeSettings
) -> None:
    def handler(request: Request) -> Response:
        time.sleep(0.9)
        return answered(request)

    serve(httpserver, handler)
    assert reasons(replace(settings, timeout_s=0.3)) == "no answer within 0.3 s"
    assert len(httpserver.log) <= 2


def test_an_endpoint_that_drips_is_not_waited_for(
    httpserver: HTTPServer, settings: JudgeSettings
) -> None:
    def drip(request: Request) -> Response:
        def body():  # type: ignore[no-untyped-def]
            for _ in range(10):
                time.sleep(0.1)
                yield b" "

        return Response(body(), content_type="application/json")

    serve(httpserver, drip)
    assert reasons(replace(settings, timeout_s=0.35)) == "no answer within 0.35 s"


def test_nobody_at_the_address_is_an_abstention(
    settings: JudgeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "can't be reached" in reasons(replace(settings, base_url="http://127.0.0.1:9/v1"))
