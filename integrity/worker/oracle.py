"""The problem's own code: draws inputs and computes reference outputs.

It runs in a worker like any other, one that never meets the submission, so that even a hostile
reference reaches neither the supervisor nor a clock.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch

from integrity.problem import CAST, CONSTANT
from integrity.worker import loading, tensors, work


class Oracle:
    """One problem, loaded."""

    def __init__(self, request: Mapping[str, Any], device: torch.device) -> None:
        self._device = device
        self._module = loading.import_module("reference")
        self._names: Mapping[str, str] = request["names"]
        self._convention: str = request["convention"]
        self._workload, constants, cast = _taken_apart(request["workload"])
        for name, value in constants.items():
            setattr(self._module, name, value)
        self._placement = loading.Placement(device, cast)
        self._seed: int = request["init_seed"]
        self._draws_on_device = True
        self._init = self._make_init()
        self._instance = self._make_instance()

    def _make_init(self) -> Any:
        name = self._names.get("make_init_inputs")
        if not name:
            return []
        torch.manual_seed(self._seed)
        return loading.entry_of(self._module, name)()

    def _make_instance(self) -> Any:
        target = loading.entry_of(self._module, self._names["reference"])
        if self._convention != "module":
            return target
        torch.manual_seed(self._seed)
        instance = target(*self._init) if isinstance(self._init, (list, tuple)) else target()
        if isinstance(instance, torch.nn.Module):
            return self._placement.put(instance)
        return instance

    def init(self) -> Any:
        """Arguments of the entry's constructor."""
        return self._init

    def weights(self) -> dict[str, torch.Tensor]:
        """The reference's parameters and buffers; empty where it has none."""
        if isinstance(self._instance, torch.nn.Module):
            return {name: t.detach() for name, t in self._instance.state_dict().items()}
        return {}

    def draw(self, seed: int) -> Any:
        """Fresh inputs: a list for `*inputs`, whatever the harness passes for `data`."""
        generate = loading.entry_of(self._module, self._names["make_inputs"])
        inputs = self._generate(generate, seed)
        if self._convention != "data" and not isinstance(inputs, (list, tuple)):
            inputs = [inputs]
        return _map(inputs, self._place)

    def _place(self, tensor: torch.Tensor) -> torch.Tensor:
        casts = self._placement.cast and tensor.dtype in tensors.WIDENED
        dtype = tensors.DTYPES[self._placement.cast] if casts else tensor.dtype
        return tensor.to(self._device, dtype)

    def _generate(self, generate: Any, seed: int) -> Any:
        """On the device itself where the generator leaves the choice: much faster."""
        if self._device.type != "cpu" and self._draws_on_device:
            try:
                with self._device:
                    return loading.call_generator(generate, seed, self._workload)
            except (RuntimeError, TypeError, ValueError):
                self._draws_on_device = False  # it has generators or arrays of its own, on the CPU
        return loading.call_generator(generate, seed, self._workload)

    def answer(self, inputs: Any, wide: bool) -> Any:
        """The reference's output, in its own dtype or, where it allows that, in float64."""
        with torch.no_grad():
            if not wide:
                return self._call(self._instance, inputs)
            return self._call(self._widened(), _map(inputs, tensors.widen))

    def answer_half(self, inputs: Any) -> Any:
        """What the reference's formula gives on inputs rounded to half precision."""
        with torch.no_grad():
            return self._call(self._instance, _map(inputs, _through_half))

    def work(self, seeds: tuple[int, int], wide: bool, budget_s: float) -> dict[str, Any]:
        """What one call takes: see `work.derive`. `wide` where it answers in float64 too."""

        def asking(target: Any) -> Callable[[Any], list[torch.Tensor]]:
            return lambda inputs: tensors.outputs_of(self._call(target, inputs))

        with torch.no_grad():
            draws = self.draw(seeds[0]), self.draw(seeds[1])
            widened = asking(self._widened()) if wide else None
            return work.derive(asking(self._instance), widened, draws, budget_s)

    def _widened(self) -> Any:
        if isinstance(self._instance, torch.nn.Module):
            return copy.deepcopy(self._instance).double()
        return self._instance

    def check(self, inputs: Any, output: Any) -> tuple[bool, str]:
        """What the problem's own check says of an output."""
        verdict = loading.entry_of(self._module, self._names["check"])(inputs, output)
        if isinstance(verdict, tuple):
            return bool(verdict[0]), str(verdict[1])
        return not verdict, str(verdict)  # the legacy form: an empty text passes

    def _call(self, target: Any, inputs: Any) -> Any:
        return target(inputs) if self._convention == "data" else target(*inputs)


def _taken_apart(workload: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Arguments of the generator, constants of its module, and the dtype to cast to."""
    constants = {k.removeprefix(CONSTANT): v for k, v in workload.items() if k.startswith(CONSTANT)}
    arguments = {k: v for k, v in workload.items() if not k.startswith(CONSTANT) and k != CAST}
    return arguments, constants, str(workload.get(CAST, ""))


def _map(value: Any, change: Any) -> Any:
    spec, found = tensors.flatten(value)
    return tensors.rebuild(spec, [change(tensor) for tensor in found])


def _through_half(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.half().to(tensor.dtype) if tensor.dtype is torch.float32 else tensor
