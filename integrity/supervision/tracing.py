"""What a worker says its framework did, as far as it has the right form."""

from typing import Any

from integrity.trace import Operation, Trace

_MOST, _LONGEST = 500, 200


def parse(said: Any) -> Trace:
    """A trace of anything at all: what is not as it should be makes it incomplete."""
    match said:
        case {
            "operations": list(operations),
            "replaced": list(replaced),
            "switched": list(switched),
            "libraries": list(libraries),
            "library_answers": int(answers),
            "deferred": int(deferred),
            "canaries": int(canaries),
            "calls": int(calls),
        }:
            kept = [_operation(each) for each in operations[:_MOST]]
            return Trace(
                tuple(each for each in kept if each),
                _texts(replaced),
                _texts(switched),
                _texts(libraries),
                calls,
                answers,
                deferred,
                complete=all(kept) and canaries == 2 * calls > 0 and len(operations) <= _MOST,
            )
    return Trace(complete=False)


def _operation(said: Any) -> Operation | None:
    match said:
        case [str(name), int(calls), int(elements)]:
            return Operation(name[:_LONGEST], calls, elements)
    return None


def _texts(said: list[Any]) -> tuple[str, ...]:
    return tuple(text[:_LONGEST] for text in said[:_MOST] if isinstance(text, str))
