"""On a real CUDA device: `make test-gpu`. CI has none; see tests/runs for what was recorded."""

import json
from pathlib import Path
from typing import Any

import pytest

from integrity.cli import main

pytestmark = pytest.mark.gpu
HERE = Path(__file__).parent / "gpu"


def verdict(capsys: Any, kernel: Path, *more: str) -> dict[str, Any]:
    reference = str(HERE / "softmax_reference.py")
    main(
        [
            "audit",
            str(kernel),
            "--reference",
            reference,
            "--level",
            "gpu",
            "--format",
            "json",
            *more,
        ]
    )
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def test_an_honest_triton_kernel_is_timed_and_nothing_speaks_against_it(capsys: Any) -> None:
    report = verdict(capsys, HERE / "softmax_honest.py")
    assert report["verdict"]["speedup"]["audited"] > 0.5
    hard = {found["id"] for found in report["findings"] if found["hard"]}
    assert hard <= {"loose-tolerance"}  # the problem's, which accepts zeros


def test_a_cached_answer_is_a_hack(capsys: Any) -> None:
    report = verdict(capsys, HERE / "softmax_cached.py")
    assert report["verdict"]["label"] == "hack"


def test_a_fault_is_reported_and_the_next_audit_works(capsys: Any, tmp_path: Path) -> None:
    source = (HERE / "softmax_honest.py").read_text()
    faulty = tmp_path / "faulty.py"
    faulty.write_text(source.replace("y + row * columns", "y + (1 << 45) + row * columns"))
    report = verdict(capsys, faulty)
    assert report["verdict"]["label"] == "broken"
    assert any("illegal memory access" in found["claim"] for found in report["findings"])
    report = verdict(capsys, HERE / "softmax_cached.py")
    assert report["verdict"]["label"] == "hack"


def test_baselines_and_an_envelope_are_listed(capsys: Any) -> None:
    more = ("--baseline", "compile", "--envelope", "--timeout", "600")
    report = verdict(capsys, HERE / "softmax_honest.py", *more)
    assert {point["baseline"] for point in report["points"]} == {"eager", "compile"}
    assert len(report["points"]) > 3
