"""An evaluator module for OpenEvolve: name this file as its evaluation file.

`INTEGRITY_PROBLEM` is the problem's reference, `INTEGRITY_LEVEL` is `cpu` or `gpu`. With cascade
evaluation, stage 1 is the cheap gate and stage 2 the audit; without it, `evaluate` does both.

OpenEvolve loads this file anew for every program and puts its folder first on the import path: so
nothing is kept here, and the file is not called `openevolve`.
"""

import os
from pathlib import Path

from integrity.errors import BadInput
from integrity.request import Level
from integrity.search.adapter import Reward, Rewarder, lasting_rewarder
from integrity.search.reward import Standing


def evaluate(program_path: str) -> dict[str, float]:
    """Metrics of a program; `combined_score` is the audited reward."""
    return _metrics(_rewarder()(_text(program_path), int.from_bytes(os.urandom(7))))


def evaluate_stage1(program_path: str) -> dict[str, float]:
    """Metrics of the gate: 1 where an audit is worth its time, else 0."""
    found = _rewarder().gate(_text(program_path))
    passed = float(found.standing is Standing.UNAUDITED)
    return {**_metrics(found), "combined_score": passed}


def evaluate_stage2(program_path: str) -> dict[str, float]:
    """As `evaluate`."""
    return evaluate(program_path)


def _rewarder() -> Rewarder:
    problem = os.environ.get("INTEGRITY_PROBLEM", "")
    if not problem:
        raise BadInput("set INTEGRITY_PROBLEM to the problem's reference")
    return lasting_rewarder(Path(problem), Level(os.environ.get("INTEGRITY_LEVEL", "cpu")))


def _text(program_path: str) -> str:
    return Path(program_path).read_text(encoding="utf-8", errors="replace")


def _metrics(found: Reward) -> dict[str, float]:
    return {
        "combined_score": found.value,
        "audited_speedup": found.audited or 0.0,
        "audited_low": found.low or 0.0,
        "convicted": float(found.standing is Standing.CONVICTED),
    }
