"""What a rule or a detector says of itself, as a report shows it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Description:
    """A docstring and the examples behind it."""

    id: str
    kind: str
    """`rule` or `detector`."""

    text: str
    """The docstring, whose first line is a summary."""

    family: str = ""
    severity: str = ""
    confidence: str = ""
    since: str = ""
    hack: str = ""
    """The first source a rule must report."""

    honest: str = ""
    """The nearest source it must pass."""

    @property
    def summary(self) -> str:
        return self.text.partition("\n")[0]
