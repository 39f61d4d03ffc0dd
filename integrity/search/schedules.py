"""The choices a kernel leaves open, and steps from one schedule to the next."""

import random
from collections.abc import Mapping

Schedule = Mapping[str, str | int]
Space = Mapping[str, tuple[str | int, ...]]
"""Name of a choice to its values; the first of each is where a search starts."""

C_ROWS: Space = {
    "level": ("-O1", "-O2", "-O3"),  # of the compiler's own optimisation
    "order": ("passes", "rows"),  # each pass over all rows, or all passes over each row
    "vectors": ("none", "128", "256", "512"),  # bits a vector
    "fused": ("no", "yes"),  # whether named intermediates stay in registers
    "kept": ("no", "yes"),  # store what a reduction computed, or compute it again
    "accumulator": ("double", "float"),
    "unroll": (1, 2, 4, 8),
    "threads": ("one", "all"),
}
C_PRODUCT: Space = {
    "level": ("-O1", "-O2", "-O3"),
    "order": ("ijk", "ikj"),  # the loop that runs fastest reads down a column, or along a row
    "vectors": ("none", "128", "256", "512"),
    "tile_k": (0, 32, 64, 128, 256),  # 0: not blocked
    "tile_n": (0, 64, 128, 256),
    "rows": (1, 2, 4),  # of the output, for each load of the right matrix
    "fused": ("no", "yes"),
    "threads": ("one", "all"),
}
TRITON_ROWS: Space = {
    "layout": ("loop", "row"),  # passes over blocks of a row, or the whole row in registers
    "block": (256, 512, 1024, 2048, 4096),
    "rows": (1, 2, 4, 8),  # of a program
    "num_warps": (4, 1, 2, 8, 16),
    "num_stages": (1, 2, 3, 4),
    "eviction": ("", "evict_first"),
    "accumulator": ("float32", "float64"),
    "fused": ("no", "yes"),
}
TRITON_PRODUCT: Space = {
    "tile_m": (32, 16, 64, 128),
    "tile_n": (32, 64, 128, 256),
    "tile_k": (32, 16, 64),
    "group": (1, 4, 8),  # rows of tiles that share columns in L2
    "num_warps": (4, 2, 8),
    "num_stages": (2, 1, 3, 4),
    "fused": ("no", "yes"),
}


def first(space: Space) -> Schedule:
    """Where a search starts: the plain kernel."""
    return {name: values[0] for name, values in space.items()}


def drawn(space: Space, rng: random.Random) -> Schedule:
    """Any schedule."""
    return {name: rng.choice(values) for name, values in space.items()}


def stepped(space: Space, schedule: Schedule, rng: random.Random) -> tuple[Schedule, str]:
    """One or two choices changed, and which."""
    open_choices = [name for name, values in space.items() if len(values) > 1]
    changed = rng.sample(open_choices, min(len(open_choices), rng.choice((1, 1, 2))))
    new = dict(schedule)
    for name in changed:
        new[name] = rng.choice([value for value in space[name] if value != schedule[name]])
    return new, "+".join(f"{name}={new[name]}" for name in sorted(changed))
