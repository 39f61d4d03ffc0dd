"""Why a question got no answer. Neither ever carries what a server wrote: it may echo a key."""

from integrity.errors import CannotJudge


class Unusable(CannotJudge):
    """This reply is worth nothing; the next may be worth something."""


class Unavailable(CannotJudge):
    """There is nobody to ask, and there will not be for the rest of this audit."""
