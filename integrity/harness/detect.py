"""Which harness a submission was written for, and how it would be called."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from integrity.errors import BadInput, CannotJudge
from integrity.harness.gpu_mode import GpuMode, has_header
from integrity.harness.harness import Harness
from integrity.harness.kernelbench import KernelBench
from integrity.harness.outline import Outline
from integrity.harness.pair import Pair
from integrity.harness.reference import Reference, read_source, same_file
from integrity.harness.slice import cut_out
from integrity.problem import Problem, Task
from integrity.submission import Submission

HARNESSES: dict[str, Harness] = {
    harness.id: harness for harness in (KernelBench(), GpuMode(), Pair())
}
"""By id, in the order they are tried: `kernel` is a common name inside the other two."""

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Detected:
    """The format of a submission, if it was recognised, and why."""

    harness: Harness | None
    why: str


def load_task(
    submission: Submission,
    reference: Path | None = None,
    harness: str = "auto",
    entry: str = "",
) -> Task:
    """How to call a submission and what to hold it against. Nothing is run.

    Raises:
        BadInput: an unknown harness, or a reference or entry given by name that won't do.
    """
    if harness not in {"auto", *HARNESSES}:
        raise BadInput(f"unknown harness {harness!r}; known: auto, {', '.join(HARNESSES)}")
    text = read_source(_task_source(reference)) if reference else ""
    if submission.unreadable:
        return Task(UNKNOWN, entry, None, (f"static only: the file {submission.unreadable}",))
    outline = Outline.of(submission.text)
    if submission.is_cuda:
        return _cuda_task(outline, entry)
    detected = _choose(outline, text, harness)
    if detected.harness is None:
        if reference:
            raise BadInput(f"{detected.why}; name the format with --harness")
        return Task(UNKNOWN, entry, None, (f"{detected.why}; static only",))
    called, entry_why = _entry(detected.harness, outline, entry)
    problem, problem_why = _problem(detected.harness, submission, outline, reference, called)
    return Task(detected.harness.id, called, problem, (detected.why, entry_why, problem_why))


def _choose(outline: Outline, reference: str, harness: str) -> Detected:
    if harness != "auto":
        return Detected(HARNESSES[harness], f"{harness}: asked for with --harness")
    headed = [HARNESSES["gpu-mode"]] if has_header(outline.text) else []
    for known in (*headed, *HARNESSES.values()):
        if reason := known.recognise(outline):
            return Detected(known, f"{known.id}: {reason}")
    defined = Outline.of(reference)
    for known in HARNESSES.values():
        if reference and not defined.missing(known.needs):
            return Detected(known, f"{known.id}: the reference defines {' and '.join(known.needs)}")
    entries = ", ".join(known.entry for known in HARNESSES.values())
    return Detected(None, f"no known format: it defines none of {entries}")


def _entry(harness: Harness, outline: Outline, given: str) -> tuple[str, str]:
    if given and given not in outline.names and not outline.unreadable:
        raise BadInput(
            f"the submission does not define {given!r}; --entry is one of: {_listed(outline.names)}"
        )
    if given:
        return given, f"entry: {given}, asked for with --entry"
    if harness.entry in outline.names:
        return harness.entry, f"entry: {harness.entry}"
    return harness.entry, f"entry: {harness.entry}, though no top-level name says so"


def _problem(
    harness: Harness, submission: Submission, outline: Outline, given: Path | None, entry: str
) -> tuple[Problem | None, str]:
    """The problem and where it was found, or None and why there is none."""
    try:
        found = _reference(harness, submission, outline, given, entry)
        problem = harness.problem(found, submission)
    except (BadInput, CannotJudge) as error:
        if given and isinstance(error, BadInput):
            raise
        return None, f"static only: {error}"
    if not problem.trusted:
        return problem, f"reference: cut out of {found.path.name} itself, so it is not trusted"
    return problem, f"reference: {found.path.name} {'as given' if given else 'beside it'}"


def _reference(
    harness: Harness, submission: Submission, outline: Outline, given: Path | None, entry: str
) -> Reference:
    if given and not same_file(given, submission.path):
        return _given(harness, _task_source(given))
    places = [] if given else harness.places(submission.path.parent)
    for place in places:
        if place.is_file() and not same_file(place, submission.path):
            text = read_source(place)
            if place.suffix == ".py" and not Outline.of(text).missing(harness.needs):
                return Reference(text, place)
    return _own(harness, submission, outline, entry)


def _given(harness: Harness, path: Path) -> Reference:
    text = read_source(path)
    if missing := Outline.of(text).missing(harness.needs):
        raise BadInput(
            f"reference {path} does not define {' and '.join(missing)}, which {harness.id} calls; "
            "add it, give another --reference, or another --harness"
        )
    return Reference(text, path)


def _own(harness: Harness, submission: Submission, outline: Outline, entry: str) -> Reference:
    wanted = (*harness.needs, "get_init_inputs", "make_inputs", "check_implementation")
    if outline.unreadable or outline.missing(harness.needs):
        raise CannotJudge(
            f"no reference: none given, and no reference.py, problem.py or task.yml beside "
            f"{submission.path.name} defines {' and '.join(harness.needs)}"
        )
    text = cut_out(outline, wanted, without=[entry])
    return Reference(text, submission.path, trusted=False)


def _task_source(path: Path) -> Path:
    """The reference that a `task.yml` stands for, or the path itself."""
    if path.suffix not in {".yml", ".yaml"} or not path.is_file():
        return path
    return HARNESSES["gpu-mode"].places(path.parent)[0]


def _cuda_task(outline: Outline, entry: str) -> Task:
    why = "static only: a whole CUDA file is read here, not run"
    if "custom_kernel" in outline.text:
        return Task("gpu-mode", entry or "custom_kernel", None, ("gpu-mode: custom_kernel", why))
    return Task(UNKNOWN, entry, None, (why,))


def _listed(names: Iterable[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:8]) + (", ..." if len(shown) > 8 else "") if shown else "nothing"
