"""The machine as workers need it."""

import random
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


def share_out(cores: list[int]) -> tuple[list[int], list[int]]:
    """One core for the supervisor, the others for the workers.

    Both sides poll; left to itself the scheduler puts a thawed worker onto the supervisor's core
    as often as not, and both lose milliseconds. At random, so that audits side by side differ.
    """
    if len(cores) == 1:
        return cores, cores
    own = random.choice(cores)
    return [own], [core for core in cores if core != own]
