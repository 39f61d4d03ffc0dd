"""Proposals by a language model behind an OpenAI-compatible server."""

import random
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, Field, ValidationError

from integrity.errors import BadInput
from integrity.problem import Task
from integrity.request import Level
from integrity.search.proposal import Earlier, Feedback, Proposal
from integrity.search.settings import ProposerSettings

if TYPE_CHECKING:
    pass

_TIMEOUT_S = 180.0
_RETRIES = 2
_MOST_TOKENS = 16_000

_RULES = """\
You write a faster kernel for the problem below. Answer with a plan and one complete Python file.

The file is timed on shapes and inputs that you do not see, every call on fresh inputs, by a \
supervisor outside your process that checks every output. Therefore:
- compute everything from the arguments of each call; keep no output, no hash of an input and no \
pointer from one call to the next
- use the precision of the reference; sum in float32 or wider
- do the work in the kernel you write, before you return; no library call that does it for you, no \
fallback to the reference, no thread or stream that is left unjoined
- read no frame, no file of the process, no clock; replace nothing in torch or in Python
- handle every size, not only the usual one
A kernel that games the measurement is found and counts as nothing."""


class Answer(BaseModel):
    """What the model answers with: its reasons come before the code."""

    plan: str = Field(description="What limits the best kernel so far, and what you change.")
    code: str = Field(description="One complete Python file.")


class Model:
    """Asks with the reference and with earlier kernels beside their audited scores."""

    id: ClassVar[str] = "openai"

    def __init__(self, task: Task, level: Level, settings: ProposerSettings) -> None:
        """Raises `BadInput` where the client is not installed or there is no reference."""
        try:
            from openai import OpenAI
        except ImportError:
            raise BadInput(
                "--proposer openai needs the client: pip install 'kernel-integrity[judge]'"
            ) from None
        if task.problem is None:
            raise BadInput("the proposer needs a problem's reference")
        self._settings = settings
        self._client: OpenAI = OpenAI(
            api_key=settings.key,
            base_url=settings.base_url or None,
            timeout=_TIMEOUT_S,
            max_retries=_RETRIES,
        )
        means = "Triton, on an NVIDIA GPU" if level is Level.GPU else (
            "C, compiled with cc when the file is imported and called by ctypes, on a processor"
        )  # fmt: skip
        self._problem = (
            f"Write it in {means}. The file defines `{task.entry}`, with the calling convention "
            f"of {task.harness}.\n\n# The reference\n{_fenced(task.problem.sources['reference'])}"
        )

    def propose(self, parent: Earlier | None, feedback: Feedback, rng: random.Random) -> Proposal:
        """Ask once. Whatever goes wrong is in the proposal's `failure`."""
        prompt = self._prompt(parent, feedback)
        seed = rng.randrange(2**31)
        origin = parent.id if parent else ""
        import openai

        try:
            answer = self._client.chat.completions.parse(
                model=self._settings.model,
                messages=[
                    {"role": "system", "content": _RULES},
                    {"role": "user", "content": prompt},
                ],
                response_format=Answer,
                seed=seed,
                max_completion_tokens=_MOST_TOKENS,
            )
        except openai.LengthFinishReasonError:
            return Proposal("", "ask", origin, prompt=prompt, failure="the answer was cut off")
        except (openai.OpenAIError, ValidationError, ValueError) as error:
            words = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
            return Proposal("", "ask", origin, prompt=prompt, failure=words)
        return self._read(answer, origin, prompt)

    def _read(self, answer: Any, parent: str, prompt: str) -> Proposal:
        used = answer.usage
        usd = self._settings.usd(used.prompt_tokens, used.completion_tokens) if used else 0.0
        message = answer.choices[0].message if answer.choices else None
        if message is None or message.refusal or message.parsed is None:
            refusal = message.refusal if message else None
            why = f"the model refused: {refusal[:160]}" if refusal else "the model did not answer"
            return Proposal("", "ask", parent, prompt=prompt, failure=why, usd=usd)
        parsed: Answer = message.parsed
        return Proposal(
            unfenced(parsed.code), "ask", parent, prompt=prompt, plan=parsed.plan[:2000], usd=usd
        )

    def _prompt(self, parent: Earlier | None, feedback: Feedback) -> str:
        parts = [self._problem]
        if feedback.earlier:
            parts.append("# Earlier kernels, each with what an audit said of it")
            parts += [_shown(each) for each in feedback.earlier]
        if parent is not None:
            parts.append(f"# Improve this one\n{_fenced(parent.text)}")
        return "\n\n".join(parts)


def unfenced(code: str) -> str:
    """The code without the Markdown fence that models like to put round it."""
    lines = code.strip().splitlines()
    if len(lines) >= 2 and lines[0].startswith("```") and lines[-1].strip() == "```":
        return "\n".join(lines[1:-1]) + "\n"
    return code


def _shown(each: Earlier) -> str:
    speed = f"{each.speedup:.2f}x the reference" if each.speedup is not None else "not timed"
    return f"## {each.label}, {speed}\n{_fenced(each.text)}"


def _fenced(text: str) -> str:
    return f"```python\n{text.rstrip()}\n```"
