"""Is an output one more sample of what the reference draws? For references that draw samples.

Where the reference answers the same inputs differently (dropout, sampling), no output is right
element by element. Under the null hypothesis the submission's output and the reference's are
exchangeable, element by element and as a whole, whatever their distribution and however elements
depend on each other. So each of them is ranked among the others at many elements; how far its
ranks are from chance is one number for each; and the share of them that are as far off as the
submission's is an exact p-value (Phipson and Smyth, 2010).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from integrity.supervision.arrays import Bytes, Floats, fetch, items, namespace
from integrity.supervision.compare import Yardstick, decode
from integrity.supervision.memory import ITEM_BYTES

DRAWS = 8
"""Samples of the reference's for each set of inputs: the least p-value is 1/9."""

_PLACES = 1 << 14
"""Elements of each output that are ranked."""

_PARTS = 64
"""Into which their order cuts them."""

_FAR = 1e6
"""Where infinities and NaN stand, in largest values."""


def p_value(
    outputs: Sequence[Bytes],
    draws: Sequence[Sequence[Bytes]],
    yardsticks: Sequence[Yardstick],
    random: np.random.Generator,
) -> float:
    """That an output as far off as this one is drawn by the reference; the elements are chosen at
    random, and equal values, within the tolerance, are ranked at random."""
    found = [np.zeros((1, 1 + len(draws)))]
    for number, yardstick in enumerate(yardsticks):
        if yardstick.size:
            raws = [outputs[number], *(draw[number] for draw in draws)]
            found.append(_far_off(_values(raws, yardstick, random), yardstick, random))
    off = np.concatenate(found)
    above = off - np.median(off, axis=1, keepdims=True)
    spread = np.median(np.abs(above), axis=1, keepdims=True)  # one row far off does not widen it
    most = (above / np.where(spread, spread, 1.0)).max(axis=0)
    return float((1 + np.count_nonzero(most[1:] >= most[0])) / most.size)


def _values(raws: Sequence[Bytes], yardstick: Yardstick, random: np.random.Generator) -> Floats:
    """A row for each output, a column for each chosen element, in their order."""
    xp, item_bytes = namespace(raws[0]), ITEM_BYTES[yardstick.tensor.dtype]
    count = min(_PLACES, yardstick.size)
    places = xp.asarray(np.sort(random.integers(0, yardstick.size, count)))
    chosen = [items(raw, item_bytes)[places].view(np.uint8) for raw in raws]
    return np.stack([fetch(decode(yardstick.tensor, each)) for each in chosen])


def _far_off(values: Floats, yardstick: Yardstick, random: np.random.Generator) -> Floats:
    """For each row (axis 1) how far its ranks are from what chance makes of them, three times: of
    elements, of sums over neighbouring elements, and of their likeness to what all rows have there
    on average. What is off in either direction alike does not show in the first, and a part that
    is missing only in the last.
    """
    rows, size = values.shape
    finite = np.isfinite(values)
    largest = np.abs(np.where(finite, values, 0.0)).max(axis=0)
    values = np.where(finite, values, _FAR * max(largest.max(), 1.0))
    near = yardstick.tolerance * largest + yardstick.floor
    edges = np.linspace(0, size, min(_PARTS, size), endpoint=False).astype(int)
    typical = values.mean(axis=0) - values.mean()
    sums, likeness, near_sums, near_likeness = (
        np.add.reduceat(each, edges, axis=-1)
        for each in (values, values * typical, near, near * np.abs(typical))
    )
    elements = _ranks(values, near, random)
    expected = size / rows
    return np.stack(
        [
            [((np.bincount(row, minlength=rows) - expected) ** 2).sum() for row in elements],
            *(
                ((_ranks(*each, random) - (rows - 1) / 2) ** 2).sum(axis=1)
                for each in ((sums, near_sums), (likeness, near_likeness))
            ),
        ]
    )


def _ranks(values: Floats, near: Floats, random: np.random.Generator) -> Any:
    """Each row's, among the other rows, column by column."""
    found = np.empty(values.shape, dtype=int)
    for number, row in enumerate(values):
        above = row - np.delete(values, number, axis=0)
        below = (above > near).sum(axis=0)
        tied = (np.abs(above) <= near).sum(axis=0)
        found[number] = random.integers(below, below + tied + 1)
    return found
