"""Imports point down only, and heavy or hostile things stay where they belong."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WORDS = {
    "compiled", "device_trace", "errors", "evidence", "finding", "floors", "peaks", "policy",
    "problem", "request", "run", "submission", "testimony", "trace",
}  # fmt: skip
LAYERS = [
    {f"integrity.{word}" for word in WORDS},
    {"integrity.verdict", "integrity.estimate"},
    {"integrity.rules", "integrity.tracers", "integrity.corpora", "integrity.harness"},
    {"integrity.judge"},
    {"integrity.detectors", "integrity.worker"},
    {"integrity.supervision"},
    {
        "integrity.audit",
        "integrity.budget",
        "integrity.claims",
        "integrity.hearing",
        "integrity.operating",
        "integrity.recording",
        "integrity.reduction",
    },
    {
        "integrity.evasion",
        "integrity.redteam",
        "integrity.replay",
        "integrity.reports",
        "integrity.screen",
    },
    {"integrity.search"},
    {"integrity.cli", "integrity.commands"},
]
FOLDERS = ("integrity", "rules", "tracers", "detectors", "corpora", "reports", "evasion")
FOREIGN = {
    "torch": {"integrity.worker"},
    "triton": {"integrity.worker"},
    "libcst": {"integrity.rules", "integrity.search"},
    "tree_sitter": {"integrity.rules"},
    "tree_sitter_cuda": {"integrity.rules"},
    "rich": {"integrity.reports", "integrity.commands"},
    "yaml": {"integrity.harness"},
    "numpy": {"integrity.estimate", "integrity.supervision"},
    "cupy": {"integrity.supervision.cuda", "integrity.worker.ablation"},
    "cuda": {"integrity.supervision.cuda", "integrity.worker"},
    "cupti": {"integrity.worker"},
    "pynvml": {"integrity.supervision.cuda"},
    "openai": {"integrity.judge.client", "integrity.search"},
    "tenacity": {"integrity.judge.hearing"},
}
"""Third-party packages and the only places that may import them."""

FORBIDDEN = [
    ("integrity.detectors", "integrity.supervision"),
    ("integrity.detectors", "integrity.tracers"),
    ("integrity.detectors", "integrity.worker"),
    ("integrity.detectors", "integrity.judge.client"),
    ("integrity.detectors", "integrity.judge.hearing"),
    ("integrity.judge", "integrity.finding.Finding"),
    ("integrity.judge", "integrity.verdict"),
    ("integrity.rules", "integrity.supervision"),
    ("integrity.tracers", "integrity.finding"),
    ("integrity.tracers", "integrity.verdict"),
    ("integrity.tracers", "integrity.rules"),
    ("integrity.worker", "integrity.detectors"),
    ("integrity.worker", "integrity.rules"),
    ("integrity.worker", "integrity.supervision"),
    ("integrity.worker", "integrity.finding"),
]


def belongs(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def layer_of(module: str) -> int | None:
    for depth, layer in enumerate(LAYERS):
        if any(belongs(module, name) for name in layer):
            return depth
    return None


def sources() -> Iterator[tuple[str, Path]]:
    for folder in FOLDERS:
        package = "integrity" if folder == "integrity" else f"integrity.{folder}"
        found = (
            (ROOT / folder).rglob("*.py") if folder != "corpora" else [ROOT / "corpora/__init__.py"]
        )
        for path in sorted(found):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            yield ".".join([package, *(part for part in parts if part != "__init__")]), path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


MODULES = list(sources())


@pytest.mark.parametrize(("module", "path"), MODULES, ids=[module for module, _ in MODULES])
def test_imports_point_down(module: str, path: Path) -> None:
    own = layer_of(module)
    for imported in imports(path):
        target = layer_of(imported)
        if own is not None and target is not None:
            assert target <= own, f"{module} imports {imported}"
        for above, below in FORBIDDEN:
            assert not (belongs(module, above) and belongs(imported, below)), imported
        allowed = FOREIGN.get(imported.split(".")[0])
        if allowed is not None:
            assert any(belongs(module, name) for name in allowed), f"{module} imports {imported}"


def test_every_module_has_a_layer() -> None:
    assert [
        module for module, _ in MODULES if layer_of(module) is None and module != "integrity"
    ] == []


def test_only_the_worker_executes_source() -> None:
    """`exec`, `eval`, `importlib.import_module` and friends have no other home.

    One mutator compiles source to marshal it, as a hack would; it executes nothing.
    """
    for module, path in MODULES:
        if belongs(module, "integrity.worker"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                forbidden = {"exec", "eval", "compile", "__import__"}
                if module == "integrity.evasion.payloads":
                    forbidden.remove("compile")
                assert node.func.id not in forbidden, module


def test_no_file_is_two_things_at_once() -> None:
    """Past about 300 lines there are two things in a file."""
    assert [str(path) for _, path in MODULES if len(path.read_text().splitlines()) > 330] == []


def test_what_a_benchmark_imports_is_there() -> None:
    """Most of them need a GPU, so that nobody else would notice before there is one."""
    where = {module: path for module, path in MODULES}
    for benchmark in sorted((ROOT / "benchmarks").glob("*.py")):
        for imported in filter(lambda name: belongs(name, "integrity"), imports(benchmark)):
            module, _, name = imported.rpartition(".")
            assert imported in where or name in names(where[module]), f"{benchmark}: {imported}"


def names(path: Path) -> set[str]:
    """What a module has at its top."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.ImportFrom() | ast.Import():
                found |= {alias.asname or alias.name for alias in node.names}
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return found
