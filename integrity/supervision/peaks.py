"""Peaks of the device at hand: measured once a machine, then read from the user's cache folder."""

import contextlib
import hashlib
import json
import math
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from integrity import __version__
from integrity.errors import CannotJudge
from integrity.run import Experiment, Run
from integrity.supervision.backend import Device
from integrity.supervision.bench import Bench
from integrity.supervision.endings import WorkerDied, WorkerRaised

NAME = "peaks"
"""The run that holds them has no calls, only facts."""

_PATIENCE_S = 60.0
Facts = Mapping[str, float | str]


def measured(bench: Bench, timed: Facts) -> Run:
    """What the device of these facts can do, as a run without calls.

    Raises:
        CannotJudge: it could not be measured.
    """
    identity = _identity(timed)
    place = _folder() / f"peaks-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.json"
    known = _kept(place, identity)
    if known is not None:
        return Run(Experiment(NAME, ()), (), facts=known)
    found = bench.backend.run(lambda device: _measure(device, bench), timed=False)
    _keep(place, identity, found.facts)
    return found


def _identity(timed: Facts) -> str:
    """What a measurement is true of."""
    device = timed.get("device") or f"{_processor()} x {timed.get('threads')}"
    driver = timed.get("driver") or platform.release()
    return f"{device}; {driver}; torch {version('torch')}; kernel-integrity {__version__}"


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _measure(device: Device, bench: Bench) -> Run:
    """In a worker that never sees foreign code."""
    try:
        worker = bench.zygote.spawn()
    except WorkerDied as death:
        raise CannotJudge(f"a worker {death.how}") from death
    try:
        patience_s = min(_PATIENCE_S, bench.deadline.left())
        facts = worker.ask({"do": "rates"}, patience_s)["facts"]
    except (WorkerDied, WorkerRaised) as error:
        raise CannotJudge(f"what the {device.id} can do was not measured: {error}") from error
    finally:
        worker.end()
    own = {"cache_bytes": facts["cache_bytes"] or _cache_bytes()}
    return Run(Experiment(NAME, ()), (), facts={**facts, **own})


def _cache_bytes() -> float:
    """Of the processor's last cache; 0 where the system does not tell."""
    caches = Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    with contextlib.suppress(OSError, ValueError):
        sizes = [cache.read_text().strip().removesuffix("K") for cache in caches]
        return max((1024.0 * int(size) for size in sizes), default=0.0)
    return 0.0


def _folder() -> Path:
    """The user's, by the XDG base directory specification."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".cache") / "kernel-integrity"


def _kept(place: Path, identity: str) -> Facts | None:
    """What was kept of that very device; None where there is nothing, or nothing sound."""
    try:
        kept = json.loads(place.read_text())
        facts = {str(name): float(rate) for name, rate in kept["facts"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    sound = all(math.isfinite(rate) and rate >= 0 for rate in facts.values())
    return facts if sound and facts.get("dram_bytes_per_s") and kept["device"] == identity else None


def _keep(place: Path, identity: str, facts: Facts) -> None:
    """Whole or not at all; where it can't be kept, it is measured again next time."""
    partial = place.with_name(f".{place.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps({"device": identity, "facts": dict(facts)}, indent=1))
        partial.replace(place)
