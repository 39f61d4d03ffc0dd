"""Every folder with code is in the wheel, under one import name."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_every_package_is_listed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    outer = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {"tests/exploits"}
    below = [path.parent.relative_to(ROOT) for path in ROOT.glob("integrity/*/**/__init__.py")]
    inner = {".".join(path.parts) for path in below}
    assert set(listed["package-dir"].values()) == outer - {"tests"}
    assert set(listed["packages"]) == set(listed["package-dir"]) | inner


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT]
    subprocess.run([*map(str, command)], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_integrity_is_the_only_import_name_of_the_wheel(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"integrity"}


def test_the_wheel_brings_the_corpus_and_the_worker(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "integrity/worker/zygote.py" in names
    assert "integrity/corpora/problems/softmax/reference.py" in names
    assert any(name.endswith("label.toml") for name in names)


def test_the_wheel_works_in_an_empty_environment_without_torch(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", wheel]
    subprocess.run([*map(str, install)], check=True, capture_output=True)
    kernel = tmp_path / "kernel.py"
    kernel.write_text("import torch\ntorch.cuda.Event.elapsed_time = lambda a, b: 0.001\n")
    audit = [tmp_path / "venv/bin/integrity", "audit", kernel, "--level", "static"]
    done = subprocess.run([*map(str, audit)], capture_output=True, text=True, cwd=tmp_path)
    assert "timer-patch" in done.stdout
    probe = "import importlib.util as u; print([n for n in ('rules', 'torch') if u.find_spec(n)])"
    found = subprocess.run([python, "-c", probe], capture_output=True, text=True, cwd=tmp_path)
    assert found.stdout.strip() == "[]"
