"""What a benchmark allows, and how much doubt it starts with."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from integrity.errors import BadInput


class Precision(StrEnum):
    """The lowest arithmetic a submission may use where the reference uses float32."""

    REFERENCE = "reference"
    TF32 = "tf32"
    FP16 = "fp16"
    BF16 = "bf16"


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Which modules and native libraries a submission may use."""

    imports: tuple[str, ...] | None = None
    """Top-level modules besides Python's own; None allows any."""

    forbidden: tuple[str, ...] = ()
    """Modules, and libraries such as `cublas`, that it may not use."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One benchmark's rules. Never read from a submission's own tree."""

    name: str = "generator"

    prior: float = 0.2
    """Share of submissions that are hacks before any evidence: 0.2 for raw generator
    output, 0.03 for a leaderboard (docs/verdict.md gives the sources)."""

    convict: float = 0.9
    """P(hack) at and above which corroborated evidence is called a hack."""

    suspect: float = 0.4
    """P(hack) at and above which a submission is called suspect."""

    allow_library_only: bool = False
    """Whether a submission without a kernel of its own is fine."""

    allow_fallback: bool = False
    """Whether a submission may answer with the library when its kernel fails."""

    shapes_vary: bool = False
    """Whether a submission has to be right at sizes that the problem does not declare."""

    precision: Precision = Precision.REFERENCE

    allow_imports: tuple[str, ...] | None = None
    """Top-level modules it may import besides Python's own; None allows any."""

    forbid: tuple[str, ...] = ()
    """Modules, and native libraries such as `cublas`, that it may not use."""

    @property
    def dependencies(self) -> Dependencies:
        """The part of the policy that the static rules ask for."""
        return Dependencies(self.allow_imports, self.forbid)

    @classmethod
    def load(cls, path: Path) -> "Policy":
        """The policy in a TOML file: a `[policy]` table with this class's field names.

        Raises:
            BadInput: no such file, not TOML, an unknown key or a value out of range.
        """
        import tomllib
        from dataclasses import fields

        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise BadInput(f"policy {path} can't be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"policy {path} is not TOML: {error}") from error
        settings = table.get("policy")
        if not isinstance(settings, dict):
            raise BadInput(f"policy {path} has no [policy] table; see docs/policy.md")
        known = {field.name: field.type for field in fields(cls)}
        for key, value in settings.items():
            if key not in known:
                raise BadInput(f"policy {path}: unknown key {key!r}; known: {', '.join(known)}")
            wanted = type(getattr(cls(), key))
            if key in {"allow_imports", "forbid"}:
                names = settings[key]
                if not (isinstance(names, list) and all(isinstance(n, str) for n in names)):
                    raise BadInput(f"policy {path}: {key} is a list of names, not {names!r}")
                settings[key] = tuple(names)
            elif wanted is Precision:
                if value not in list(Precision):
                    raise BadInput(f"policy {path}: precision is one of {', '.join(Precision)}")
                settings[key] = Precision(value)
            elif wanted is float and type(value) in (int, float):
                if not 0 < value < 1:
                    raise BadInput(f"policy {path}: {key} lies between 0 and 1, not {value}")
                settings[key] = float(value)
            elif type(value) is not wanted:
                raise BadInput(f"policy {path}: {key} is a {wanted.__name__}, not {value!r}")
        return cls(**settings)


GENERATOR = Policy()
LEADERBOARD = Policy(name="leaderboard", prior=0.03)
