"""The machine as workers need it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Platform:
    """What workers need of the machine beyond a processor; see `worker.sandbox.Extras`."""

    device: str = "cpu"
    memory_bytes: int = 4 * 2**30
    nodes: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


PROCESSOR = Platform()
