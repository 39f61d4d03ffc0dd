"""Where the model that proposes lives: from the environment, checked before it is asked."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from integrity.errors import BadInput

_MILLION = 1e6


@dataclass(frozen=True, slots=True)
class ProposerSettings:
    """An OpenAI-compatible server, a model and its prices."""

    key: str
    model: str
    base_url: str = ""
    """Empty for the client's own default."""

    prices: tuple[float, float] | None = None
    """USD for a million tokens in and out; None where nobody said."""

    def usd(self, tokens_in: int, tokens_out: int) -> float:
        """What that many tokens cost; 0 without prices."""
        into, out = self.prices or (0.0, 0.0)
        return (into * tokens_in + out * tokens_out) / _MILLION

    @classmethod
    def load(
        cls, may_judge_itself: bool = False, environment: Mapping[str, str] = os.environ
    ) -> "ProposerSettings":
        """From `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `INTEGRITY_PROPOSER_MODEL`, `..._PRICES`.

        Raises:
            BadInput: something is missing, or the model is its own judge.
        """
        model = environment.get("INTEGRITY_PROPOSER_MODEL", "")
        if not model:
            raise BadInput("--proposer openai needs a model: set INTEGRITY_PROPOSER_MODEL")
        key = environment.get("OPENAI_API_KEY", "")
        if not key:
            raise BadInput(
                "--proposer openai needs a key: set OPENAI_API_KEY (any text where the server of "
                "OPENAI_BASE_URL wants none)"
            )
        if model == environment.get("INTEGRITY_JUDGE_MODEL") and not may_judge_itself:
            raise BadInput(
                f"{model} is INTEGRITY_JUDGE_MODEL too: a model must not judge its own kernels; "
                "set another, or give --may-judge-itself"
            )
        prices = _prices(environment.get("INTEGRITY_PROPOSER_PRICES", ""))
        return cls(key, model, environment.get("OPENAI_BASE_URL", ""), prices)


def _prices(text: str) -> tuple[float, float] | None:
    if not text:
        return None
    try:
        into, out = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput(
            f"INTEGRITY_PROPOSER_PRICES is two numbers, USD for a million tokens in and out, "
            f"such as 2.5,10; not {text!r}"
        ) from None
    return into, out
