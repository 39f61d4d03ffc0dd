"""The two things that can go wrong in an audit without being a bug."""


class IntegrityError(Exception):
    """Base of every error this package raises on purpose."""


class BadInput(IntegrityError):
    """The user's mistake. The message says what to do next; the CLI exits with 2."""


class CannotJudge(IntegrityError):
    """The evidence is missing or unusable: no GPU, no reference, a time-out.

    Never the same as finding nothing. The audit records it as an `Abstention`.
    """
