"""The worker's answer to `compile`: load, call once on a pretended GPU, hand over the texts.

Everything here shares a process with the submission; what it answers is untrusted.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from integrity.worker import cuda_text, launches, loading, pretend, tensors, wire


def compile_submission(
    message: wire.Message, descriptors: Sequence[int], scratch: Path
) -> tuple[wire.Message, launches.Launches]:
    """Everything the submission compiles while it is loaded and called once, and its launches.

    What it raises is noted, with what was compiled until then.
    """
    os.environ.pop("TRITON_INTERPRET", None)  # before Triton is imported, which reads it
    arguments = _inputs(message, descriptors[-1])
    with pretend.pretending(arguments) as device:
        kernels = launches.Launches(device, message["seconds"])
        texts = cuda_text.CudaTexts(device, message["seconds"])
        missing = _install(kernels)
        texts.install()
        outputs, raised = [], ""
        try:
            returned = _call(message, descriptors, scratch, arguments)
            outputs = _dtypes(returned)
        except BaseException as error:
            raised = f"{type(error).__name__}: {error}"[:300]
    answer = {
        "kernels": [*kernels.message(), *texts.message()],
        "failures": [*missing, *kernels.failures, *texts.failures],
        "host_reads": sorted(device.read),
        "outputs": outputs,
        "raised": raised,
    }
    return answer, kernels


def _install(kernels: launches.Launches) -> list[str]:
    try:
        kernels.install()
    except ImportError as error:
        return [f"no Triton here: {error}"]
    return []


def _inputs(message: wire.Message, descriptor: int) -> list[torch.Tensor]:
    block = tensors.Block(descriptor, message["bytes"])
    return [block.tensor(layout) for layout in message["layouts"]]


def _call(
    message: wire.Message, descriptors: Sequence[int], scratch: Path, inputs: list[torch.Tensor]
) -> Any:
    loading.write_modules(message["modules"], scratch / "submission")
    weights = None
    if "weights_bytes" in message:
        block = tensors.Block(descriptors[0], message["weights_bytes"])
        weights = loading.as_state(message["weights"], block)
    kernel = loading.kernel_of(
        loading.import_module(message["module"]),
        message["entry"],
        message["convention"],
        message["init"],
        message["init_seed"],
        weights,
        loading.Placement(torch.device("cpu")),
    )
    with torch.no_grad():
        return kernel(tensors.rebuild(message["spec"], inputs))


def _dtypes(returned: Any) -> list[str]:
    """Of the tensors it returns; empty where it returns something else."""
    try:
        return [str(each.dtype).removeprefix("torch.") for each in tensors.flatten(returned)[1]]
    except tensors.NotATensor:
        return []
