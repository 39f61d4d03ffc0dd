"""How much of its inputs a reference's answer depends on, and what it computes.

Bytes are found out by experiment, not from the source: an element at random is given another value
that the problem's generator might have drawn, and the answer in float64 follows or does not.
What an honest kernel may skip (masked, sliced, not gathered, constant in every draw) does not
show, whatever the reference does with it.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from integrity.worker import tensors
from integrity.worker.counting import OperatorCounter

Answer = list[torch.Tensor]

_LEAST_SHARE = 0.01
"""Inputs smaller than this share of all are left out: they would take samples from the others."""

_MOST_SAMPLES = 64
_SECTOR_BYTES = 32
_SECTORS = 1 << 14
_FOLD = (0x1E3779B97F4A7C15, 0x3F58476D1CE4E5B9, 0x14D049BB133111EB, 0x2545F4914F6CDD1D)
_WIDE_ROOM, _NARROW_ROOM = 1e-9, 1e-2
"""What an output element changes by, relative to itself and to the RMS, if it depends on an input:
rounding in float64 stays far below the first, in shorter dtypes below the second."""


def derive(
    answer: Callable[[Any], Answer],
    wide: Callable[[Any], Answer] | None,
    draws: tuple[Any, Any],
    budget_s: float,
) -> dict[str, Any]:
    """What one call takes: `inputs` as `[bytes, hits, samples]`, `written_bytes`, `flops`.

    `answer` is the reference, `wide` the same on inputs in float64, None where it fails there;
    `draws` are two sets of inputs. Samples are taken for `budget_s`, and none of a reference that
    takes longer by itself.
    """
    (spec, drawn), (_, other) = map(tensors.flatten, draws)
    before = [tensor.clone() for tensor in drawn]
    start = time.monotonic()
    with OperatorCounter() as counter:
        outputs = answer(tensors.rebuild(spec, drawn))
    taken_s = time.monotonic() - start
    found = {
        "inputs": [],
        "written_bytes": sum(_size_bytes(tensor) for tensor in outputs),
        "computed": counter.computes() and not any(_is_moved(t, before) for t in outputs),
        "flops": counter.flops(),
        "products": counter.products(),
        "uncounted": sorted(counter.uncounted),
        "doubted": sorted(set(counter.doubted.values())),
    }
    if taken_s < budget_s:
        changes = not all(map(_equal, before, drawn))
        asked = partial(_on_copies, wide or answer) if changes else wide or answer
        inputs = [tensors.widen(tensor) for tensor in before] if wide else before
        room = _WIDE_ROOM if wide else _NARROW_ROOM
        sampler = _Sampler(lambda: asked(tensors.rebuild(spec, inputs)), inputs, other, room)
        found["inputs"] = sampler.sample(budget_s)
    return found


def _on_copies(answer: Callable[[Any], Answer], inputs: Any) -> Answer:
    """Of a reference that writes to its inputs."""
    spec, found = tensors.flatten(inputs)
    return answer(tensors.rebuild(spec, [tensor.clone() for tensor in found]))


class _Sampler:
    """Changes one element of the inputs at a time and looks whether the answer follows."""

    def __init__(
        self,
        answer: Callable[[], Answer],
        inputs: list[torch.Tensor],
        other: list[torch.Tensor],
        room: float,
    ) -> None:
        self._answer, self._inputs, self._other = answer, inputs, other
        self._right = [_Expected.of(tensor, room) for tensor in self._answered()]

    def sample(self, budget_s: float) -> list[list[float]]:
        """Bytes, hits and samples of each input that counts, in turn until the time is up."""
        if self._follows():  # its answer changes by itself
            return []
        places = random.Random(0)
        tallies = {index: [bytes_, 0, 0] for index, bytes_ in self._worth_sampling()}
        end = time.monotonic() + budget_s
        for _ in range(_MOST_SAMPLES):
            for index, tally in tallies.items():
                if time.monotonic() > end:
                    return list(tallies.values())
                place = places.randrange(self._inputs[index].numel())
                tally[1] += self._matters(index, place)
                tally[2] += 1
        return list(tallies.values())

    def _worth_sampling(self) -> Iterator[tuple[int, float]]:
        """Inputs whose bytes have to come from memory, and how many those are, as drawn."""
        sizes = [_stored_bytes(tensor) for tensor in self._other]
        for index, (tensor, size) in enumerate(zip(self._inputs, sizes, strict=True)):
            if not size or size < _LEAST_SHARE * sum(sizes) or not tensor.is_contiguous():
                continue
            if any(_equal(tensor, one) for one in self._inputs[:index]) or _repeats(tensor):
                continue  # its bytes lie elsewhere too
            halves = _is_symmetric(tensor) or _is_symmetric(self._other[index])
            yield index, size / (2 if halves else 1)

    def _matters(self, index: int, place: int) -> bool:
        """Whether the answer follows that element, to any value that might have been drawn."""
        flat, other = self._inputs[index].view(-1), self._other[index].reshape(-1)
        was, drawn = flat[place].clone(), other[place]
        if drawn.to(was.dtype) == was:
            return False  # the generator draws nothing here
        try:
            for value in (drawn, *_extremes(other)):
                flat[place] = value
                if self._follows():
                    return True
        finally:
            flat[place] = was
        return False

    def _follows(self) -> bool:
        pairs = zip(self._right, self._answered(), strict=True)
        return any(expected.differs(found) for expected, found in pairs)

    def _answered(self) -> Answer:
        torch.manual_seed(0)
        return self._answer()


def _extremes(flat: torch.Tensor) -> Iterator[torch.Tensor]:
    """Values that elements have: the largest and the smallest."""
    comparable = flat.to(torch.float32) if flat.dtype in _NO_ORDER else flat
    for place in (comparable.argmax(), comparable.argmin()):
        yield flat[place]


_NO_ORDER = (torch.bool, torch.float8_e4m3fn, torch.float8_e5m2)


@dataclass(frozen=True, slots=True)
class _Expected:
    """An answer, and how far another may be from it and still be the same but for rounding."""

    answer: torch.Tensor
    room: torch.Tensor | None
    """None where it has no rounding."""

    @classmethod
    def of(cls, answer: torch.Tensor, room: float) -> "_Expected":
        if not answer.dtype.is_floating_point:
            return cls(answer.clone(), None)
        wide = answer.to(torch.float64, copy=True)
        rms = wide.nan_to_num(0.0, 0.0, 0.0).square().mean().sqrt()
        return cls(wide, room * (wide.abs() + rms))

    def differs(self, found: torch.Tensor) -> bool:
        """Anywhere; what is infinite or not a number here tells nothing."""
        if found.shape != self.answer.shape:
            return True
        if self.room is None:
            return not torch.equal(found, self.answer)
        near = (found.double() - self.answer).abs() <= self.room
        return not bool((near | ~self.room.isfinite()).all())


def _is_moved(output: torch.Tensor, inputs: list[torch.Tensor]) -> bool:
    """Whether a view could be this output: of an input, or of fewer numbers than it has."""
    if any(_equal(output, one) for one in inputs):
        return True
    return any(
        extent > 1 and torch.equal(output.select(dim, 0), output.select(dim, 1))
        for dim, extent in enumerate(output.shape)
    )


def _is_symmetric(tensor: torch.Tensor) -> bool:
    """In its last two dimensions: half of it tells the other half."""
    if tensor.dim() < 2 or tensor.shape[-1] != tensor.shape[-2]:
        return False
    return torch.equal(tensor, tensor.transpose(-1, -2))


def _repeats(tensor: torch.Tensor) -> bool:
    """Whether pieces of it, 32 bytes each, occur more than once."""
    raw = tensor.contiguous().view(-1).view(torch.uint8)
    count = raw.numel() // _SECTOR_BYTES
    sectors = raw[: count * _SECTOR_BYTES].view(torch.int64).view(count, -1)
    if count > _SECTORS:
        generator = torch.Generator().manual_seed(0)
        some = torch.randint(count, (_SECTORS,), generator=generator).unique()  # type: ignore[no-untyped-call]
        sectors = sectors[some.to(raw.device)]
    folded = (sectors * sectors.new_tensor(_FOLD)).sum(dim=1)  # modulo 2^64
    return int(torch.unique(folded).numel()) < folded.numel()


def _equal(left: torch.Tensor, right: torch.Tensor) -> bool:
    return left.shape == right.shape and left.dtype == right.dtype and torch.equal(left, right)


def _stored_bytes(tensor: torch.Tensor) -> int:
    """What it takes in memory: an expanded tensor less than it seems."""
    return min(_size_bytes(tensor), tensor.untyped_storage().nbytes())


def _size_bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()
