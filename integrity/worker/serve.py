"""The worker's side of the gate: load, arm, wait, call, copy out, say done.

Everything here shares a process with the submission and may be patched by it. Nothing here is
trusted: the clock, the inputs' seeds, the reference and the checks are the supervisor's.
"""

import contextlib
import os
import socket
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from integrity.worker import (
    ablation,
    compiling,
    emulated_cuda,
    framework,
    loading,
    naive,
    oracle,
    pretend,
    rates,
    surroundings,
    tensors,
    triton_driver,
    wire,
    wrapped,
)

_MAX_TRACE = 2000


def serve(control: socket.socket, request: wire.Message) -> None:
    """Answer the supervisor until it hangs up."""
    surroundings.settle_in(request)
    wire.send(control, {"ready": True, "processes": count("/proc"), "uid": os.getuid()})
    worker = _worker_of(request["device"])(control, Path(request["scratch"]))
    while True:
        try:
            message, descriptors = wire.receive(control)
        except wire.WireError:
            return
        try:
            worker.handle(message, descriptors)
        except wire.WireError:
            return
        except BaseException as error:
            wire.send(control, _failure(error))


def _worker_of(device: str) -> "type[Worker]":
    if device == "cuda":
        from integrity.worker.cuda import CudaWorker

        return CudaWorker
    from integrity.worker.cpu import CpuWorker

    return CpuWorker


def count(folder: str) -> int:
    return sum(name.isdigit() for name in os.listdir(folder))


def _failure(error: BaseException) -> wire.Message:
    trace = "".join(traceback.format_exception(error))[-_MAX_TRACE:]
    return {"error": f"{type(error).__name__}: {error}"[:500], "trace": trace}


class Worker:
    """One role's process: a kernel, its memory and its gate; or the oracle.

    How a call is made depends on the device: see `worker.cpu` and `worker.cuda`.
    """

    device = torch.device("cpu")
    _open_block: Callable[..., tensors.Block] = tensors.Block

    def __init__(self, control: socket.socket, scratch: Path) -> None:
        self._control = control
        self._scratch = scratch
        self._kernel: loading.Kernel = _nothing
        self._oracle: oracle.Oracle | None = None
        self._drawn: Any = None
        self._slots: list[tuple[Any, ...]] = []
        self._ready: list[torch.Tensor] | None = None
        self._watch: framework.Watch | None = None
        self._ablation: ablation.Ablation | None = None
        self._scene: contextlib.AbstractContextManager[object] = contextlib.nullcontext()

    def handle(self, message: wire.Message, descriptors: list[int]) -> None:
        """Do one thing and answer."""
        if message.get("pretends") and self.device.type == "cpu":
            self._scene = pretend.scene()
        operation = getattr(self, f"_{message['do']}")
        with self._scene:
            answer = operation(message, descriptors)
        self._finish()
        for descriptor in descriptors:
            os.close(descriptor)
        wire.send(self._control, answer)

    def _finish(self) -> None:
        """What was asked for is done when this returns, on whatever device."""

    # -- the roles that are called through the gate ------------------------------------------

    def _load(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        loading.write_modules(message["modules"], self._scratch / "submission")
        if self.device.type == "cpu":
            triton_driver.stand_in(message["modules"].values())
            if message.get("pretends"):
                emulated_cuda.stand_in(message["modules"].values())
        if canary := message.get("canary"):
            self._watch = framework.Watch(canary)
            self._ablation = ablation.Ablation(message["modules"])
        module = loading.import_module(message["module"])
        weights_block = (
            self._open_block(descriptors[0], message["weights_bytes"]) if descriptors else None
        )
        self._kernel = loading.kernel_of(
            module,
            message["entry"],
            message["convention"],
            message["init"],
            message["init_seed"],
            loading.as_state(message["weights"], weights_block),
            loading.Placement(self.device, message["cast"], message["compile"]),
        )
        if self._watch:
            self._kernel = self._watch.around(self._kernel)
        return {"loaded": True}

    def _ablated(self, message: wire.Message) -> contextlib.AbstractContextManager[None]:
        """What a call is made in: without the submission's kernels where that was asked."""
        if self._ablation and message["ablated"]:
            return self._ablation.silenced()
        return contextlib.nullcontext()

    def _silenced(self) -> int:
        return self._ablation.launches if self._ablation else 0

    def _trace(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        """What the framework was seen doing since the load."""
        return self._watch.report() if self._watch else {}

    def _compile(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        answer, self._launches = compiling.compile_submission(message, descriptors, self._scratch)
        return answer

    def _assemble(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        return self._launches.assemble(message["seconds"])

    def _null(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        self._ready = []
        return {"loaded": True}

    def _map(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        inputs = self._attach_gate(descriptors, message)
        self._slots = []
        for slot in message["slots"]:
            arguments = [inputs.tensor(layout) for layout in slot["inputs"]]
            self._slots.append(self._slot(message["spec"], arguments, slot["outputs"]))
        if self._ready is not None:
            forms = map(tensors.form_of, message["slots"][0]["outputs"])
            self._ready = [torch.zeros(s, dtype=d, device=self.device) for s, d in forms]
            self._kernel = lambda inputs: self._ready
        return {"mapped": True, "inputs_at": inputs.address}

    def _attach_gate(self, descriptors: list[int], message: wire.Message) -> tensors.Block:
        """The blocks of outputs and gate for itself; gives the block of inputs."""
        raise NotImplementedError

    def _slot(
        self, spec: tensors.Spec, arguments: list[torch.Tensor], outputs: list[wire.Message]
    ) -> tuple[Any, ...]:
        """All that a call in that slot needs. `outputs`: their layouts."""
        raise NotImplementedError

    def _call(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        """One window: armed, past the gate, done."""
        raise NotImplementedError

    def _naive(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        """Reference and submission in one process, as an ordinary harness has them."""
        loading.write_modules(message["problem"], self._scratch / "problem")
        problem = oracle.Oracle(message | {"init_seed": naive.SEED}, self.device)
        inputs = problem.draw(naive.SEED)
        copied = tensors.flatten(inputs)[1]
        copy_us = naive.benchmark_kernel(lambda: [each.clone() for each in copied], (), 10)
        loading.write_modules(message["modules"], self._scratch / "submission")
        kernel = loading.kernel_of(
            loading.import_module(message["module"]),
            message["entry"],
            message["convention"],
            problem.init(),
            naive.SEED,
            problem.weights(),
            loading.Placement(self.device),
        )
        answer = naive.measure(lambda given: problem.answer(given, wide=False), kernel, [inputs])
        return {**answer, "copy_us": copy_us}

    def _wrapped(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        return wrapped.run(message, self._scratch)

    # -- nobody's: before any foreign code -----------------------------------------------------

    def _rates(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        facts = rates.measure(self.device).as_facts()
        return {"facts": facts | {"cache_bytes": rates.cache_bytes(self.device)}}

    # -- the oracle --------------------------------------------------------------------------

    def _problem(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        loading.write_modules(message["modules"], self._scratch / "problem")
        self._oracle = oracle.Oracle(message, self.device)
        weights = self._oracle.weights()
        for tensor in weights.values():
            tensors.describe(tensor)
        return {
            "init": tensors.plain(self._oracle.init()),
            "weights": {name: tensors.describe(t) for name, t in weights.items()},
        }

    def _weights(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        block = self._open_block(descriptors[0], message["bytes"])
        for name, tensor in self._the_oracle().weights().items():
            block.tensor(message["layouts"][name]).copy_(tensor)
        return {"written": True}

    def _draw(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        self._drawn = self._the_oracle().draw(message["seed"])
        spec, found = tensors.flatten(self._drawn)
        return {"spec": spec, "inputs": [tensors.describe(tensor) for tensor in found]}

    def _attach(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        self._blocks = [
            self._open_block(descriptor, size)
            for descriptor, size in zip(descriptors, message["sizes"], strict=True)
        ]
        return {"attached": True}

    def _write_drawn(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        _, found = tensors.flatten(self._drawn)
        for layout, tensor in zip(message["inputs"], found, strict=True):
            self._blocks[0].tensor(layout).copy_(tensor)
        return {"written": True}

    def _answer(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        """Reference output for the inputs that now lie in the oracle's block."""
        inputs = self._inputs(message)
        answers: dict[str, Callable[[], Any]] = {
            "native": lambda: self._the_oracle().answer(inputs, wide=False),
            "wide": lambda: self._the_oracle().answer(inputs, wide=True),
            "half": lambda: self._the_oracle().answer_half(inputs),
        }
        self._answered = tensors.outputs_of(answers[message["how"]]())
        changed = [i for i, t in enumerate(self._views) if not _same(t, self._pristine[i])]
        return {
            "outputs": [tensors.describe(tensor) for tensor in self._answered],
            "changed_inputs": changed,
        }

    def _write_answer(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        for layout, tensor in zip(message["outputs"], self._answered, strict=True):
            self._blocks[1].tensor(layout).copy_(tensor)
        return {"written": True}

    def _work(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        first, second = message["seeds"]
        return self._the_oracle().work((first, second), message["wide"], message["budget_s"])

    def _check(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        inputs = self._inputs(message)
        found = [self._blocks[1].tensor(layout).clone() for layout in message["outputs"]]
        output = found[0] if len(found) == 1 else tuple(found)
        passed, reason = self._the_oracle().check(inputs, output)
        return {"passed": passed, "reason": reason[:300]}

    def _inputs(self, message: wire.Message) -> Any:
        self._views = [self._blocks[0].tensor(layout).clone() for layout in message["inputs"]]
        self._pristine = [view.clone() for view in self._views]
        return tensors.rebuild(message["spec"], self._views)

    def _the_oracle(self) -> oracle.Oracle:
        if self._oracle is None:
            raise loading.LoadError("no problem was loaded")
        return self._oracle


def _nothing(inputs: Any) -> Any:
    raise loading.LoadError("no kernel was loaded")


def outputs_like(returned: Any, forms: Sequence[tensors.Form]) -> list[torch.Tensor]:
    """The tensors of an output.

    Raises:
        TypeError: not the tensors that the reference returns.
    """
    found = tensors.outputs_of(returned)
    if len(found) != len(forms):
        raise TypeError(f"returned {len(found)} tensors, the reference returns {len(forms)}")
    for tensor, (shape, dtype) in zip(found, forms, strict=True):
        if tensor.shape != shape or tensor.dtype != dtype:
            raise TypeError(
                f"returned {tuple(tensor.shape)} {tensor.dtype}, "
                f"the reference returns {tuple(shape)} {dtype}"
            )
    return found


def aliases(inputs: Any, returned: Any) -> list[int]:
    owners = [tensor.untyped_storage().data_ptr() for tensor in tensors.flatten(inputs)[1]]
    shared = {t.untyped_storage().data_ptr() for t in tensors.flatten(returned)[1]}
    return [index for index, owner in enumerate(owners) if owner in shared]


def _same(left: torch.Tensor, right: torch.Tensor) -> bool:
    return torch.equal(left.view(-1).view(torch.uint8), right.view(-1).view(torch.uint8))
