"""What a judge is told besides the code: the task, the policy, in a second round measurements.

Nothing here is free text of the submission's: no path, no name, no message, no other finding.
"""

from collections.abc import Iterable
from statistics import median

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.judge.listing import listings
from integrity.judge.question import Context
from integrity.policy import Policy
from integrity.run import CallResult, Role, Run
from integrity.submission import Submission
from integrity.testimony import JudgeSettings, Reading

MAX_CHARACTERS = 20_000
FACTS = ("input_bytes", "output_bytes")


def context(evidence: Evidence, settings: JudgeSettings) -> Context:
    """For the first round: nothing that was measured, nothing that was claimed."""
    problem = evidence.task.problem
    reference = problem.sources.get(problem_module(problem.sources), "") if problem else ""
    entry = problem.reference if problem else ""
    return Context(
        reference=_read(reference, entry),
        policy=_policy(evidence.policy),
        neighbours=tuple(_read(text, evidence.task.entry) for text in settings.neighbours),
    )


def problem_module(sources: Iterable[str]) -> str:
    """The module that holds the reference."""
    names = list(sources)
    return "reference" if "reference" in names or not names else names[0]


def _read(text: str, entry: str) -> str:
    """Foreign code as a judge may read it; it says how much is missing."""
    if not text.strip():
        return ""
    try:
        found = listings(Submission.of(text), Reading.PLAIN, entry)
    except CannotJudge:
        return "It can't be read."
    whole = "\n".join(line.text for listing in found for line in listing.lines)
    left = len(whole) - MAX_CHARACTERS
    return whole if left <= 0 else f"{whole[:MAX_CHARACTERS]}\n<{left} more characters>"


def _policy(policy: Policy) -> str:
    parts = [
        f"arithmetic down to {policy.precision.value}",
        f"library calls only: {'yes' if policy.allow_library_only else 'no'}",
        f"falling back to the library: {'yes' if policy.allow_fallback else 'no'}",
    ]
    if policy.allow_imports is not None:
        parts.append(f"imports of {', '.join(policy.allow_imports)} only")
    if policy.forbid:
        parts.append(f"not {', '.join(policy.forbid)}")
    return "; ".join(parts) + "."


def facts(evidence: Evidence, settings: JudgeSettings) -> str:
    """What was measured, as a table; empty where nothing was run."""
    rows = [*_runs(evidence.runs.values()), *_compiled(evidence)]
    if not rows:
        return ""
    if settings.show_claim and evidence.claimed_speedup is not None:
        rows.append(("claimed speedup", f"{evidence.claimed_speedup:.2f}"))
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"Measured under supervision of the submission:\n\n| what | value |\n|---|---|\n{table}"


def _runs(runs: Iterable[Run]) -> Iterable[tuple[str, str]]:
    runs = list(runs)
    for role in (Role.SUBMISSION, Role.REFERENCE, Role.NULL):
        timed = [call for run in runs if run.experiment.timed for call in run.of(role)]
        times = [call.observed.elapsed_us for call in timed]
        if times:
            yield f"median time of a window, {role.value}, us", f"{median(times):.1f}"
    calls = [
        call
        for run in runs
        for call in run.of(Role.SUBMISSION)
        if not run.experiment.calls[call.call].ablated
    ]
    if calls:
        yield "windows run", str(len(calls))
        yield "outputs checked", str(sum(len(call.observed.checks) for call in calls))
        yield "outputs that were wrong", str(sum(map(_wrong, calls)))
        yield "most threads", str(max(call.reported.threads for call in calls))
    deaths = sum(1 for run in runs if run.death_of(Role.SUBMISSION))
    if deaths:
        yield "experiments it died in", str(deaths)
    for name in FACTS:
        values = [run.facts[name] for run in runs if isinstance(run.facts.get(name), int | float)]
        if values:
            yield name.replace("_", " "), f"{max(map(float, values)):.0f}"


def _wrong(call: CallResult) -> int:
    return sum(check.wrong for check in call.observed.checks)


def _compiled(evidence: Evidence) -> Iterable[tuple[str, str]]:
    found = evidence.compilation
    if found is None or found.unavailable:
        return
    yield "kernels it compiled", str(len({kernel.name for kernel in found.kernels}))
    yield "stores in them", str(sum(kernel.stores for kernel in found.kernels))
    yield "loads in them", str(sum(kernel.loads for kernel in found.kernels))
    inputs = {mma.inputs for kernel in found.kernels for mma in kernel.mma}
    if inputs:
        yield "matrix instructions take", ", ".join(sorted(inputs))
