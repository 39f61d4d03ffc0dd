"""Functions that harnesses, references and input generators rely on, and which of them are others
than before."""

import builtins
import gc
import inspect
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Mapping
from typing import Any

import torch

Parts = tuple[object, ...]
"""What makes a function what it is: the object, its code, its defaults."""

_NAMED: dict[str, tuple[Any, str]] = {
    "time": (time, "perf_counter perf_counter_ns time time_ns monotonic monotonic_ns process_time"),
    "builtins": (builtins, "print open len abs min max sum any all isinstance getattr __import__"),
    "os": (os, "_exit write read fork"),
    "sys": (sys, "exit _getframe"),
    "gc": (gc, "collect get_objects"),
    "json": (json, "dump dumps load loads"),
    "random": (random, "random randint seed shuffle"),
    "statistics": (statistics, "mean median stdev"),
    "torch.nn.Module": (torch.nn.Module, "__call__ load_state_dict state_dict to eval"),
    "torch.testing": (torch.testing, "assert_close"),
    "torch.cuda": (torch.cuda, "synchronize Event Stream current_stream"),
    "torch.cuda.Event": (torch.cuda.Event, "record elapsed_time synchronize wait query"),
}
"""Where harnesses keep clock and results."""

_WHOLE: dict[str, Any] = {
    "torch": torch,
    "torch.Tensor": torch.Tensor,
    "torch.nn.functional": torch.nn.functional,
    "torch.linalg": torch.linalg,
    "torch.fft": torch.fft,
    "torch.special": torch.special,
}
"""Every function there: what compares outputs, draws inputs and computes references."""


def callables() -> dict[str, Parts]:
    """Each function with its parts, by the name that harnesses call it by."""
    found: dict[str, Parts] = {}
    for place, (owner, names) in _NAMED.items():
        found |= {f"{place}.{name}": _parts(owner, name) for name in names.split()}
    for place, owner in _WHOLE.items():
        public = (name for name in dir(owner) if _is_function(getattr(owner, name, None)))
        found |= {f"{place}.{name}": _parts(owner, name) for name in public}
    for name, kind in vars(torch.nn).items():
        if isinstance(kind, type):
            found[f"torch.nn.{name}.forward"] = _parts(kind, "forward")
    return found


def replaced(before: Mapping[str, Parts]) -> list[str]:
    """Names of what is no longer there, or is another. What has come since replaces nothing."""
    now = callables()
    return [
        name
        for name, parts in before.items()
        if any(map(_differ, parts, now.get(name, ()))) or name not in now
        if not _wrapped_by_torch(parts, now.get(name, (None, None)))
    ]


def _parts(owner: Any, name: str) -> Parts:
    found = inspect.getattr_static(owner, name, None)  # bound methods are made anew at every look
    function = getattr(found, "__func__", found)
    return found, *(getattr(function, part, None) for part in ("__code__", "__defaults__"))


def _is_function(found: object) -> bool:
    return callable(found) and not isinstance(found, type)


def _differ(one: object, other: object) -> bool:
    return one is not other


_UNTRACED = torch._disable_dynamo(len).__code__  # type: ignore[attr-defined]
"""Of what torch wraps round a function that its compiler shall not look into."""


def _wrapped_by_torch(before: Parts, now: Parts) -> bool:
    """Whether it is what it was, in that wrapping: importing the compiler puts `torch.manual_seed`
    into one."""
    cells = getattr(now[0], "__closure__", None) or ()
    return now[1] is _UNTRACED and any(cell.cell_contents is before[0] for cell in cells)
