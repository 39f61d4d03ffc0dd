"""GPU MODE: `custom_kernel(data)` against `reference.py`, with workloads in `task.yml`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from integrity.errors import BadInput, CannotJudge
from integrity.harness.outline import Outline
from integrity.harness.reference import Reference, beside, modules, parameters, read_source
from integrity.problem import Convention, Problem
from integrity.submission import Submission

Workload = Mapping[str, int | float | str | bool]

HEADER = re.compile(r"^(?:#|//)!POPCORN\b", re.MULTILINE)
SHARED = ("task", "utils")
"""The modules that GPU MODE puts beside a submission for it to import."""


class GpuMode:
    id: ClassVar[str] = "gpu-mode"
    entry: ClassVar[str] = "custom_kernel"
    needs: ClassVar[tuple[str, ...]] = ("ref_kernel", "generate_input")

    def recognise(self, outline: Outline) -> str:
        if has_header(outline.text):
            return "it has a #!POPCORN header"
        return "it defines custom_kernel" if "custom_kernel" in outline.names else ""

    def places(self, folder: Path) -> tuple[Path, ...]:
        task = folder / "task.yml"
        if not task.is_file():
            return (folder / "reference.py",)
        return _files(_read(task), folder).get("reference", folder / "reference.py"), task

    def problem(self, reference: Reference, submission: Submission) -> Problem:
        folder = reference.path.parent
        task = _read(folder / "task.yml")
        places = beside(reference.path, submission.path) | _files(task, folder)
        roots = [reference.text, *(f"import {name}" for name in SHARED)]
        sources = modules(roots, places) | {"reference": reference.text}
        outline = reference.outline
        return Problem(
            harness=self.id,
            convention=Convention.DATA,
            sources=sources,
            reference="ref_kernel",
            make_inputs="generate_input",
            check="check_implementation" if "check_implementation" in outline.names else "",
            workloads=_workloads(task, parameters(outline, "generate_input")),
            shared=tuple(name for name in SHARED if name in sources),
            path=reference.path,
            trusted=reference.trusted,
        )


def has_header(text: str) -> bool:
    """Whether it says that it is for GPU MODE, which outweighs any name it defines."""
    return bool(HEADER.search(text[:4096]))


def _read(path: Path) -> dict[str, Any]:
    """A task file's contents; empty where there is none.

    Raises:
        BadInput: it is not the YAML that GPU MODE writes.
    """
    if not path.is_file():
        return {}
    import yaml

    try:
        task = yaml.safe_load(read_source(path))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BadInput(f"{path} is not YAML: {str(error).splitlines()[0]}; mend it") from error
    if not isinstance(task, dict):
        raise BadInput(f"{path} is not a task file: it needs `files:` and `benchmarks:`")
    return task


def _files(task: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    """The Python modules that a task file lists, by module name."""
    places = {}
    for item in _items(task.get("files")):
        name, source = str(item.get("name", "")), str(item.get("source", ""))
        if name.endswith(".py") and source.endswith(".py") and (folder / source).is_file():
            places[name.removesuffix(".py")] = folder / source
    return places


def _workloads(task: Mapping[str, Any], required: Iterable[str]) -> tuple[Workload, ...]:
    """Benchmarks, then tests, each once and without its seed: the supervisor draws its own."""
    needed = set(required) - {"seed"}
    found: list[Workload] = []
    for item in [*_items(task.get("benchmarks")), *_items(task.get("tests"))]:
        workload = {str(key): value for key, value in item.items() if key != "seed"}
        scalar = all(isinstance(value, int | float | str) for value in workload.values())
        if scalar and needed <= workload.keys() and workload not in found:
            found.append(workload)
    if needed and not found:
        raise CannotJudge(
            f"generate_input needs {', '.join(sorted(needed))}, which no task.yml beside it gives"
        )
    return tuple(found) or ({},)


def _items(section: object) -> Iterator[dict[Any, Any]]:
    if isinstance(section, list):
        yield from (item for item in section if isinstance(item, dict))
