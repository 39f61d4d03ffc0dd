"""Where the values in a tensor come from: torch's operators, or something that they never saw."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

_ALLOCATES = {
    "arange", "empty", "empty_like", "empty_strided", "eye", "fill", "full", "full_like",
    "new_empty", "new_empty_strided", "new_full", "new_ones", "new_zeros", "ones", "ones_like",
    "resize", "scalar_tensor", "set", "zero", "zeros", "zeros_like",
}  # fmt: skip
"""Operators whose result is there to be written to."""

_MOVES = {
    "_to_copy", "cat", "clone", "constant_pad_nd", "contiguous", "copy", "index_put", "lift_fresh",
    "stack",
}  # fmt: skip
"""Operators that compute nothing."""


class Origins:
    """Of one call's tensors, by storage.

    What an operator computes from the call's arguments, or from what operators computed, comes from
    the library. Fresh memory belongs to whoever fills it unseen, and so does what is made of it.
    """

    def __init__(self) -> None:
        self._library: dict[int, bool] = {}
        self._sums: dict[int, int] = {}
        self._kept: list[torch.Tensor] = []  # no address is used twice

    def note(
        self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], given: list[torch.Tensor]
    ) -> bool:
        """An operator has just been run; whether it computed something."""
        name = func._schema.name.partition("::")[2].removesuffix("_")
        read = [_storage(tensor) for tensor in _operands(func, args, kwargs)]
        computes = False
        for tensor in given:
            place = _storage(tensor)
            if name in _ALLOCATES:
                self._library[place] = False
            elif name in _MOVES:
                sources = [each for each in read if each != place or name == "index_put"]
                known = [self._library.get(each, False) for each in sources]
                self._library[place] = bool(known) and all(known)
            elif place not in read or func._schema.is_mutable:
                self._library[place] = all(self._library.get(each, True) for each in read)
                computes = True
            if self._library.get(place):
                self._sums[place] = _sum(tensor)
            self._kept.append(tensor)
        return computes

    def library(self, tensor: torch.Tensor) -> bool:
        """Whether operators computed it, and nobody has written to it since."""
        place = _storage(tensor)
        return self._library.get(place, False) and self._sums[place] == _sum(tensor)


def _operands(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[torch.Tensor]:
    """The tensors that it reads: all but those given as `out`."""
    written = {
        argument.name
        for argument in func._schema.arguments
        if argument.kwarg_only and argument.alias_info and argument.alias_info.is_write
    }
    yield from _flat(args)
    yield from _flat([value for name, value in kwargs.items() if name not in written])


def _flat(values: Sequence[Any]) -> Iterator[torch.Tensor]:
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _flat(value)


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _sum(tensor: torch.Tensor) -> int:
    """Of the storage's bytes. Dispatch is not watched while an operator is being noted."""
    flat = torch.empty(0, dtype=torch.uint8, device=tensor.device)
    return int(flat.set_(tensor.untyped_storage()).sum())
