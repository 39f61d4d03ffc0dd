"""The `openai` package against any OpenAI-compatible endpoint.

Nothing that a server wrote but the answer itself leaves this module: an error message may echo the
key. The client does its own retries on 429 and 5xx, within the time that one question has.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Any

import openai
from openai import OpenAI

from integrity.judge.contract import AnswerPair, schema
from integrity.judge.cost import counted
from integrity.judge.errors import Unavailable, Unusable
from integrity.judge.question import Question
from integrity.judge.wording import template
from integrity.testimony import JudgeSettings

RETRIES = 2
REFUSED_KEY = {401, 403}
NOT_OFFERED = {400, 404, 405, 415, 422, 501}
"""What servers answer that do not know a path or a parameter."""

APIS = ("responses", "chat", "plain")
"""From the one that promises most to the one that every server has."""


@dataclass(frozen=True, slots=True)
class Said:
    """A model's words, and what they took."""

    text: str
    tokens_in: int
    tokens_out: int


class Endpoint:
    """One model behind one endpoint."""

    def __init__(self, model: str, settings: JudgeSettings, key: str) -> None:
        self._model = model
        self._settings = settings
        self._client = OpenAI(
            api_key=key,
            base_url=settings.base_url or None,
            timeout=settings.timeout_s,
            max_retries=RETRIES,
        )
        first = settings.api or ("chat" if settings.base_url else "responses")
        self._apis = [first] if settings.api else list(APIS[APIS.index(first) :])

    @property
    def model(self) -> str:
        return self._model

    def ask(self, asked: Question) -> Said:
        """The answer of the most demanding interface that the endpoint has.

        Raises:
            Unusable: refused, cut, or not of the shape asked for.
            Unavailable: no answer in time, or none at all.
        """
        while True:
            ways: dict[str, Callable[[Question], Said]] = {
                "responses": self._responses, "chat": self._chat, "plain": self._plain,
            }  # fmt: skip
            way = ways[self._apis[0]]
            try:
                return self._in_time(lambda way=way: way(asked))  # type: ignore[misc]
            except openai.APIStatusError as error:
                if error.status_code not in NOT_OFFERED or len(self._apis) == 1:
                    raise _unavailable(error) from None
                del self._apis[0]
            except openai.OpenAIError as error:
                raise _failed(error) from None
            except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
                # Of no shape that the client knows; another interface may say it better.
                if len(self._apis) > 1:
                    del self._apis[0]
                raise Unusable("the answer is not of the shape asked for") from None

    def _in_time(self, call: Callable[[], Said]) -> Said:
        """The call's result, or Unavailable when its time is up: the client's own limit is on each
        read, so a server that sends a byte a minute would hold it for ever."""
        results: Queue[Said | Exception] = Queue()

        def run() -> None:
            try:
                results.put(call())
            except Exception as error:  # handed to the thread that waits
                results.put(error)

        threading.Thread(target=run, daemon=True).start()
        try:
            result = results.get(timeout=self._settings.timeout_s)
        except Empty:
            self._client.close()
            raise Unavailable(f"no answer within {self._settings.timeout_s:g} s") from None
        if isinstance(result, Exception):
            raise result
        return result

    def _responses(self, asked: Question) -> Said:
        made = self._client.responses.parse(
            model=self._model,
            instructions=asked.system,
            input=asked.user,
            text_format=AnswerPair,
            max_output_tokens=asked.max_tokens,
            store=False,
            **self._sampling(),
        )
        if made.status == "incomplete":
            raise Unusable("the answer was cut at its length limit")
        for item in made.output:
            for part in getattr(item, "content", None) or ():
                if getattr(part, "refusal", None):
                    raise Unusable("the model refused to answer")
        taken = made.usage
        return Said(
            made.output_text,
            counted(taken and taken.input_tokens),
            counted(taken and taken.output_tokens),
        )

    def _chat(self, asked: Question) -> Said:
        made = self._client.chat.completions.parse(
            model=self._model,
            messages=[
                {"role": "system", "content": asked.system},
                {"role": "user", "content": asked.user},
            ],
            response_format=AnswerPair,
            **self._limit(asked),
            **self._sampling(),
        )
        return _said(made)

    def _plain(self, asked: Question) -> Said:
        shape = template("plain_json.md").format(schema=json.dumps(schema()))
        made = self._client.chat.completions.create(
            model=self._model,
            messages=[
                {"role": "system", "content": asked.system + shape},
                {"role": "user", "content": asked.user},
            ],
            **self._limit(asked),
            **self._sampling(),
        )
        return _said(made)

    def _limit(self, asked: Question) -> dict[str, Any]:
        """Compatible servers know the older name of the limit; some models only the newer one."""
        name = "max_tokens" if self._settings.base_url else "max_completion_tokens"
        return {name: asked.max_tokens}

    def _sampling(self) -> dict[str, Any]:
        given = self._settings.temperature
        return {} if given is None else {"temperature": given}


def _said(made: Any) -> Said:
    """The words of a chat completion, whatever a server made of its fields."""
    choice = made.choices[0]
    if choice.message.refusal:
        raise Unusable("the model refused to answer")
    if choice.finish_reason == "length":
        raise Unusable("the answer was cut at its length limit")
    text = choice.message.content
    taken = made.usage
    return Said(
        text if isinstance(text, str) else "",
        counted(getattr(taken, "prompt_tokens", 0)),
        counted(getattr(taken, "completion_tokens", 0)),
    )


def _unavailable(error: openai.APIStatusError) -> Unavailable:
    code = error.status_code
    if code in REFUSED_KEY:
        return Unavailable(f"the endpoint refuses the key ({code})")
    if code == 429:
        return Unavailable("the endpoint limits the rate or the quota (429)")
    return Unavailable(f"the endpoint answers with status {code}")


def _failed(error: openai.OpenAIError) -> Unavailable | Unusable:
    if isinstance(error, openai.LengthFinishReasonError):
        return Unusable("the answer was cut at its length limit")
    if isinstance(error, openai.ContentFilterFinishReasonError):
        return Unusable("the model refused to answer")
    if isinstance(error, openai.APITimeoutError):
        return Unavailable("the endpoint does not answer in time")
    if isinstance(error, openai.APIConnectionError):
        return Unavailable("the endpoint can't be reached")
    return Unusable("the answer is not of the shape asked for")
