"""The descriptor that GPU MODE's harness takes its results from, as a submission finds it there.

Nobody reads this one: what is written to it was meant for a harness.
"""

import os

VARIABLE = "POPCORN_FD"


class Results:
    """Offered before the submission is loaded."""

    def __init__(self) -> None:
        self._kept = os.memfd_create("results")
        self._offered = os.dup(self._kept)
        os.set_inheritable(self._offered, True)
        os.environ[VARIABLE] = str(self._offered)

    def tampering(self) -> list[str]:
        """What was done to it, as verbs."""
        done = ["writes to"] if os.fstat(self._kept).st_size else []
        return done if self._is_there() else [*done, "closes"]

    def _is_there(self) -> bool:
        try:
            return os.path.sameopenfile(self._kept, self._offered)
        except OSError:
            return False
