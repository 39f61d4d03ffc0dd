"""What a worker says its framework did, as far as it has the right form."""

from collections.abc import Sequence
from typing import Any

from integrity.compiled import Compilation
from integrity.supervision import compiling
from integrity.trace import Operation, Trace

_MOST, _LONGEST = 500, 200


def parse(said: Any, inputs: Sequence[str] = (), weights: Sequence[str] = ()) -> Trace:
    """A trace of anything at all: what is not as it should be makes it incomplete.

    `inputs`, `weights`: the dtypes of the problem's, which its kernels are held against.
    """
    match said:
        case {
            "operations": list(operations),
            "replaced": list(replaced),
            "switched": list(switched),
            "results": list(results),
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
                _texts(results),
                _texts(libraries),
                calls,
                answers,
                deferred,
                _compilation(said, tuple(inputs), tuple(weights)),
                complete=all(kept) and canaries == 2 * calls > 0 and len(operations) <= _MOST,
            )
    return Trace(complete=False)


def _compilation(
    said: dict[str, Any], inputs: tuple[str, ...], weights: tuple[str, ...]
) -> Compilation | None:
    made = compiling.as_compilation(said, inputs, weights)
    return None if made.unavailable else made


def _operation(said: Any) -> Operation | None:
    match said:
        case [str(name), int(calls), int(elements)]:
            return Operation(name[:_LONGEST], calls, elements)
    return None


def _texts(said: list[Any]) -> tuple[str, ...]:
    return tuple(text[:_LONGEST] for text in said[:_MOST] if isinstance(text, str))
