"""Operating points, a line each: baseline, workload, speedup or why there is none."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from integrity.problem import CAST, CONSTANT, Workload

if TYPE_CHECKING:
    from integrity.operating import OperatingPoint


def point_lines(points: Sequence["OperatingPoint"]) -> Iterator[str]:
    """`1.31x (1.28 to 1.34) over compile, n=2048`."""
    for point in points:
        place = f"over {point.baseline}{_words(point.workload)}"
        if point.ratio is None:
            yield f"no speedup {place}: {point.note}"
        else:
            yield f"{point.ratio:.2f}x ({point.low:.2f} to {point.high:.2f}) {place}"


def _words(workload: Workload) -> str:
    shown = [
        f"as {value}" if name == CAST else f"{name.removeprefix(CONSTANT)}={value}"
        for name, value in workload.items()
    ]
    return ", " + ", ".join(shown) if shown else ""
