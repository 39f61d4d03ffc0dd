"""Work done in a child process: what is lost there is not lost here.

A fault of a submission's can take a device away from every process that shares it, and only the
end of a process gives everything back that a driver holds for it.
"""

import os
import pickle
import signal
import traceback
from collections.abc import Callable
from typing import Generic, TypeVar

from integrity.errors import BadInput, CannotJudge
from integrity.worker.sandbox import die_with_parent

Result = TypeVar("Result")


class ChildDied(CannotJudge):
    """It ended without a result."""


def apart(work: Callable[[], Result]) -> Result:
    """Do it in a forked child and give its result.

    Raises:
        As `Apart.result`.
    """
    return Apart(work).result()


class Apart(Generic[Result]):
    """Work that a forked child has begun. Both are ours, so pickle may carry the result."""

    def __init__(self, work: Callable[[], Result]) -> None:
        reading, writing = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            _answer(work, reading, writing)
        os.close(writing)
        self._pipe = os.fdopen(reading, "rb")

    def fileno(self) -> int:
        """Readable once there is a result, or none to come."""
        return self._pipe.fileno()

    def result(self) -> Result:
        """Wait for it.

        Raises:
            ChildDied: it ended before it had one.
            CannotJudge, BadInput: as `work`.
            RuntimeError: `work` raised anything else; its trace is the message.
        """
        try:
            with self._pipe as pipe:
                raw = pipe.read()
        except BaseException:  # an interrupt: nobody wants the result any more
            os.kill(self._child, signal.SIGKILL)
            raise
        finally:
            _, status = os.waitpid(self._child, 0)
        if status != 0 or not raw:
            raise ChildDied(f"the supervising process {_ending(status)}")
        outcome = pickle.loads(raw)
        if isinstance(outcome, Exception):
            raise outcome
        result: Result = outcome
        return result

    def kill(self) -> None:
        """Nobody wants the result any more."""
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)
        self._pipe.close()


def _answer(work: Callable[[], Result], reading: int, writing: int) -> None:
    code = 70
    try:
        die_with_parent()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # its parent may unwind; it has nothing to
        os.close(reading)
        outcome = _outcome(lambda: pickle.dumps(work()))
        raw = pickle.dumps(outcome) if isinstance(outcome, Exception) else outcome
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(raw)
        code = 0
    finally:
        os._exit(code)  # what the parent would do at its end is not ours to do


def _outcome(work: Callable[[], Result]) -> Result | Exception:
    try:
        return work()
    except (CannotJudge, BadInput) as error:
        return type(error)(*error.args)
    except Exception:
        return RuntimeError(traceback.format_exc())


def _ending(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
