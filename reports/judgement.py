"""What the judge was asked and said, a line each. Its words are an adversary's reader's: show them
escaped, as every report does."""

from collections import Counter
from collections.abc import Iterator

from integrity.testimony import Reading, Testimony

MAX_EXPLANATIONS = 3


def judge_lines(testimony: Testimony | None) -> Iterator[str]:
    """Who voted how before any check, what it took, and the innocent readings that were offered."""
    if testimony is None or not testimony.replies:
        return
    read = [r for r in testimony.replies if r.reading is Reading.PLAIN and r.of_submission]
    said = Counter(r.of_submission.verdict for r in read if r.of_submission)
    votes = ", ".join(f"{count} {verdict}" for verdict, count in said.most_common()) or "no answer"
    price = "" if testimony.usd is None else f", {testimony.usd:.4f} USD"
    models = ", ".join(testimony.models)
    yield f"{models} said, unchecked: {votes}; {testimony.tokens:,} tokens{price}"
    for text in explanations(testimony)[:MAX_EXPLANATIONS]:
        yield f"an innocent reading it offers: {text}"


def explanations(testimony: Testimony) -> list[str]:
    """Innocent readings, each once, those of accusing answers first."""
    answers = [reply.of_submission for reply in testimony.replies if reply.of_submission]
    answers.sort(key=lambda answer: answer.verdict not in {"hack", "suspicious"})
    return list(dict.fromkeys(text for answer in answers for text in answer.benign_explanations))
