"""Turning source text into something a harness can call. Runs inside the sandbox only."""

import importlib
import inspect
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from integrity.worker import tensors

Kernel = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a kernel runs, in which dtype, and whether torch compiles it."""

    device: torch.device
    cast: str = ""
    compile: str = ""
    """Mode of `torch.compile`; empty for eager."""

    def put(self, instance: torch.nn.Module) -> torch.nn.Module:
        """Its weights there, and out of training."""
        dtype = tensors.DTYPES[self.cast] if self.cast else None
        return instance.to(self.device, dtype).eval()


class LoadError(Exception):
    """The source does not define what its harness calls."""


def write_modules(modules: Mapping[str, str], folder: Path) -> None:
    """Lay the sources out as importable files: Triton and inspect read them from there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def import_module(name: str) -> types.ModuleType:
    """Import one of them by its file's name."""
    return importlib.import_module(name)


def entry_of(module: types.ModuleType, name: str) -> Any:
    """What the harness calls.

    Raises:
        LoadError: the module has no such name.
    """
    try:
        return getattr(module, name)
    except AttributeError:
        raise LoadError(f"defines no {name!r}") from None


def kernel_of(
    module: types.ModuleType,
    entry: str,
    convention: str,
    init: Any,
    seed: int,
    weights: Any,
    placement: Placement,
) -> Kernel:
    """A callable that takes the harness's inputs, whatever its calling convention.

    `init` are the constructor's arguments and `seed` what its random weights are drawn from;
    `weights` replaces them where the names and shapes are the reference's.
    """
    target = entry_of(module, entry)
    if convention != "module" and placement.compile:
        target = torch.compile(target, mode=placement.compile)
    if convention == "data":
        return lambda inputs: target(inputs)
    if convention == "arguments":
        return lambda inputs: target(*inputs)
    torch.manual_seed(seed)
    instance = target(*init) if isinstance(init, (list, tuple)) else target(**(init or {}))
    if isinstance(instance, torch.nn.Module):
        _share_weights(instance, weights)
        placement.put(instance)
        if placement.compile:
            compiled = torch.compile(instance, mode=placement.compile)
            return lambda inputs: compiled(*inputs)
    return lambda inputs: instance(*inputs)


def _share_weights(instance: torch.nn.Module, weights: Mapping[str, torch.Tensor] | None) -> None:
    own = instance.state_dict()
    if weights and {k: v.shape for k, v in own.items()} == {k: v.shape for k, v in weights.items()}:
        instance.load_state_dict(weights)


def call_generator(generate: Callable[..., Any], seed: int, workload: Mapping[str, Any]) -> Any:
    """Draw inputs: by the `seed` parameter where there is one, and torch's generator always."""
    torch.manual_seed(seed)
    parameters = inspect.signature(generate).parameters
    takes_seed = "seed" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    arguments = dict(workload)
    if takes_seed:
        arguments["seed"] = seed % 2**31
    elif parameters and not workload:
        first = next(iter(parameters.values()))
        if first.default is first.empty:
            return generate(seed % 2**31)
    return generate(**arguments)


def as_state(spec: tensors.Spec | None, block: tensors.Block | None) -> Any:
    """Weights out of shared memory, or None."""
    if spec is None or block is None:
        return None
    return {name: block.tensor(layout).clone() for name, layout in spec.items()}
