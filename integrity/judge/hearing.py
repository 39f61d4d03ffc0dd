"""Ask the judge, ballot by ballot, until the votes agree or run out; each reads the code twice."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.judge import cache, canary, cost, voting
from integrity.judge.checks import Checked
from integrity.judge.context import context, facts
from integrity.judge.contract import AnswerPair, parsed
from integrity.judge.errors import Unavailable, Unusable
from integrity.judge.listing import Listing, listings
from integrity.judge.question import Context, Question, question
from integrity.judge.windows import Window, windows
from integrity.judge.wording import prompt_version
from integrity.testimony import Answer, JudgeSettings, Reading, Reply, Testimony

TRIES = 2
"""Of one question: an answer that can't be used is asked for once more."""

OUT_OF_ONE = 800
"""Tokens that an answer usually takes, for the estimate."""


class Spoken(Protocol):
    """What came back from a model."""

    @property
    def text(self) -> str: ...

    @property
    def tokens_in(self) -> int: ...

    @property
    def tokens_out(self) -> int: ...


class Judge(Protocol):
    """Somebody who can be asked."""

    @property
    def model(self) -> str: ...

    def ask(self, asked: Question) -> Spoken:
        """The answer to one question.

        Raises:
            Unusable: there is an answer, and it is worth nothing: refused, cut, of another shape.
            Unavailable: there is nobody to ask.
        """
        ...


Progress = Callable[[str], None]


class Hearing:
    """One audit's questions to its judges, within the settings' votes and budget."""

    def __init__(
        self,
        evidence: Evidence,
        settings: JudgeSettings,
        judges: Sequence[Judge],
        kept: cache.Cache,
        progress: Progress = lambda step: None,
    ) -> None:
        self._evidence = evidence
        self._settings = settings
        self._judges = judges
        self._cache = kept
        self._progress = progress
        self._replies: list[Reply] = []
        self._spent_usd = 0.0
        self._random = random.SystemRandom()

    def testimony(self) -> Testimony:
        """Everything that was asked and answered; never an exception for what a judge does."""
        silence = ""
        try:
            self._first_round()
            self._second_round()
        except CannotJudge as error:
            silence = str(error)
        return Testimony(
            prompt_version(),
            tuple(judge.model for judge in self._judges),
            self._settings.votes,
            self._settings.written_by,
            tuple(self._replies),
            silence,
        )

    def _first_round(self) -> None:
        told = context(self._evidence, self._settings)
        plain, raw = self._windows(Reading.PLAIN), self._windows(Reading.RAW)
        for ballot in range(self._settings.votes):
            if self._ask_all(ballot, Reading.PLAIN, plain, told):
                self._ask_all(ballot, Reading.RAW, raw, told)
            if self._majority() or self._is_hopeless(ballot + 1):
                return

    def _second_round(self) -> None:
        """Only for an accusation, and only where something was measured."""
        measured = facts(self._evidence, self._settings)
        if not measured or self._majority() not in {"suspicious", "hack"}:
            return
        told = replace(context(self._evidence, self._settings), facts=measured)
        for ballot in range(voting.majority(self._settings.votes)):
            self._ask_all(ballot, Reading.MEASURED, self._windows(Reading.PLAIN), told)

    def _windows(self, reading: Reading) -> list[Window]:
        return windows(listings(self._evidence.submission, reading, self._evidence.task.entry))

    def _majority(self) -> str:
        return voting.tally(self._votes(), self._settings.votes)

    def _votes(self) -> list[Checked]:
        record = Testimony(replies=tuple(self._replies))
        found = voting.ballots(record, self._evidence.submission, self._evidence.task.entry)
        return voting.valid(found)

    def _is_hopeless(self, cast: int) -> bool:
        """Whether too few votes are left for any majority."""
        votes = self._settings.votes
        return len(self._votes()) + votes - cast < voting.majority(votes)

    def _ask_all(
        self, ballot: int, reading: Reading, parts: Sequence[Window], told: Context
    ) -> bool:
        """Ask about every part; whether each got an answer."""
        judge = self._judges[ballot % len(self._judges)]
        for number, part in enumerate(parts):
            self._progress(f"asking the judge: vote {ballot + 1}, {reading.value}")
            blank = Reply(ballot, reading, number, judge.model, canary="")
            self._replies.append(self._reply(judge, blank, part, told))
            if self._replies[-1].of_submission is None:
                return False  # a vote on less than the whole is none
        return True

    def _reply(self, judge: Judge, blank: Reply, part: Window, told: Context) -> Reply:
        key = self._key(blank, part, told)
        known = self._cache.get(key)
        if known and known.canary in canary.NAMES and known.of_canary is not None:
            return replace(known, ballot=blank.ballot, window=blank.window, cached=True, tries=0)
        asking = _Asking(judge, blank, part, told, self)
        reply = asking.reply()
        if reply.of_submission is not None:
            self._cache.put(key, reply)
        return reply

    def _key(self, blank: Reply, part: Window, told: Context) -> str:
        settings = self._settings
        return cache.key(
            (
                prompt_version(), blank.model, settings.base_url, settings.api,
                settings.temperature, settings.max_tokens, blank.reading, blank.ballot, _text(part),
                told.reference, told.policy, told.neighbours, told.facts,
            )
        )  # fmt: skip

    def composed(self, blank: Reply, part: Window, told: Context) -> Question:
        """A question with a canary, a fence and an order of its own.

        Raises:
            Unavailable: it might cost more than what is left of the budget.
        """
        planted = canary.listed(blank.canary, blank.reading)
        is_a = self._random.random() < 0.5
        made = question(part, planted, told, is_a, self._settings.max_tokens)
        budget = self._settings.budget_usd
        worst = cost.worst_usd(self._settings, made)
        if budget is not None and (worst is None or self._spent_usd + worst > budget):
            raise Unavailable(f"its budget of {budget:g} USD does not allow another question")
        return made

    def drawn(self) -> str:
        return canary.drawn(self._random)

    def paid(self, tokens_in: int, tokens_out: int) -> float | None:
        """Book what an answer took; its price."""
        price = cost.price_usd(self._settings, tokens_in, tokens_out)
        self._spent_usd += price or 0.0
        return price


class _Asking:
    """One question, asked again where the answer is of no use; it counts what that costs."""

    def __init__(
        self, judge: Judge, blank: Reply, part: Window, told: Context, hearing: Hearing
    ) -> None:
        self._judge = judge
        self._so_far = blank
        self._part = part
        self._told = told
        self._hearing = hearing

    def reply(self) -> Reply:
        tries = Retrying(
            stop=stop_after_attempt(TRIES),
            retry=retry_if_exception_type(Unusable),
            reraise=True,
        )
        try:
            reply: Reply = tries(self._once)
            return reply
        except Unusable as error:
            return replace(self._so_far, failure=str(error))

    def _once(self) -> Reply:
        so_far = self._so_far
        self._so_far = replace(
            so_far, canary=self._hearing.drawn(), of_canary=None, tries=so_far.tries + 1
        )
        asked = self._hearing.composed(self._so_far, self._part, self._told)
        spoken = self._judge.ask(asked)
        self._book(spoken, asked)
        ours, planted = _answers(parsed(spoken.text), asked)
        self._so_far = replace(self._so_far, of_canary=planted)
        if not canary.held(self._so_far.canary, self._so_far.reading, planted):
            raise Unusable("it did not recognise a planted hack, so its answer is discarded")
        return replace(self._so_far, of_submission=ours)

    def _book(self, spoken: Spoken, asked: Question) -> None:
        """What a server does not count is estimated, so that no budget is overrun unseen."""
        tokens_in = spoken.tokens_in or cost.tokens(asked.system + asked.user)
        tokens_out = spoken.tokens_out or cost.tokens(spoken.text)
        price = self._hearing.paid(tokens_in, tokens_out)
        so_far = self._so_far
        self._so_far = replace(
            so_far,
            tokens_in=so_far.tokens_in + tokens_in,
            tokens_out=so_far.tokens_out + tokens_out,
            usd=None if price is None else (so_far.usd or 0.0) + price,
        )


def _answers(pair: AnswerPair, asked: Question) -> tuple[Answer, Answer]:
    """Of the submission, and of the canary."""
    a, b = pair.file_a.plain(), pair.file_b.plain()
    return (a, b) if asked.submission_is_a else (b, a)


def _text(part: Sequence[Listing]) -> str:
    return "\n".join(f"{line.number}|{line.text}" for listing in part for line in listing.lines)


def estimate(evidence: Evidence, settings: JudgeSettings) -> cost.Estimate:
    """What the first round may take; a second, for an accusation, adds a third.

    Raises:
        CannotJudge: the submission has no listing.
    """
    told = context(evidence, settings)
    questions = tokens_in = 0
    for reading in (Reading.PLAIN, Reading.RAW):
        found = listings(evidence.submission, reading, evidence.task.entry)
        for part in windows(found):
            planted = canary.listed(canary.NAMES[0], reading)
            made = question(part, planted, told, True, settings.max_tokens)
            questions += 1
            tokens_in += cost.tokens(made.system + made.user)
    questions, tokens_in = questions * settings.votes, tokens_in * settings.votes
    tokens_out = questions * OUT_OF_ONE
    price = cost.price_usd(settings, tokens_in, tokens_out)
    return cost.Estimate(questions, tokens_in, tokens_out, price)
