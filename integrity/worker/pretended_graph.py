"""CUDA graphs on a processor that says it is a GPU.

What is called while a graph is captured is called again, on the same memory, whenever it is
replayed. Unlike a real capture it also computes at once, so that tensors hold values early.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from integrity.worker import tensors

_open: "list[Graph]" = []
"""That which is being captured, last."""


class Graph:
    """Stands for a `torch.cuda.CUDAGraph`."""

    def __init__(self, keep_graph: bool = False) -> None:
        self._steps: list[Callable[[], object]] = []
        self._recorder = _Recorder(self)

    def capture_begin(self, *arguments: Any, **options: Any) -> None:
        """From here on."""
        self._steps.clear()
        _open.append(self)
        self._recorder.__enter__()  # type: ignore[no-untyped-call]

    def capture_end(self) -> None:
        """To here."""
        self._recorder.__exit__(None, None, None)  # type: ignore[no-untyped-call]
        _open.remove(self)

    def note(self, step: Callable[[], object]) -> None:
        """One more thing to do in a replay."""
        self._steps.append(step)

    def replay(self) -> None:
        """All of it again, in order."""
        with torch.no_grad():
            for step in self._steps:
                step()

    def reset(self) -> None:
        """Forget what was captured."""
        self._steps.clear()

    def instantiate(self) -> None:
        """There is nothing to make ready."""

    def pool(self) -> tuple[int, int]:
        """Of memory: there is one."""
        return 0, 0


class Capture:
    """Stands for `torch.cuda.graph`, the context manager."""

    def __init__(self, cuda_graph: Graph, *arguments: Any, **options: Any) -> None:
        self._graph = cuda_graph

    def __enter__(self) -> None:
        self._graph.capture_begin()

    def __exit__(self, *reason: Any) -> None:
        self._graph.capture_end()


def capturing() -> bool:
    """Whether a graph is being captured."""
    return bool(_open)


def launch(run: Callable[[], object], again: Callable[[], object]) -> object:
    """Runs a kernel that does not come through torch's dispatcher; a captured graph does it
    `again`."""
    if not _open:
        return run()
    graph = _open[-1]
    graph._recorder.deaf = True  # what an interpreter does on the way is no step
    try:
        return run()
    finally:
        graph._recorder.deaf = False
        graph.note(again)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes operators as steps of a graph."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._graph = graph
        self.deaf = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        given = func(*args, **options)
        made = _tensors(given)
        if self.deaf or func.is_view or not made or "empty" in str(func):
            return given
        if func._schema.is_mutable:
            self._graph.note(lambda: func(*args, **options))
        else:
            self._graph.note(lambda: _write(made, _tensors(func(*args, **options))))
        return given

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """As `framework.Watch`: saying so costs an import of the whole compiler."""
        return False


def _write(places: list[torch.Tensor], values: list[torch.Tensor]) -> None:
    for place, value in zip(places, values, strict=True):
        place.copy_(value)


def _tensors(given: Any) -> list[torch.Tensor]:
    try:
        return tensors.flatten(given)[1]
    except tensors.NotATensor:
        return []
