"""A kernel that does nothing, in a grid of whatever size: shows whether launches are recorded."""

import torch
from cuda.bindings import driver

from integrity.worker.lending import checked
from integrity.worker.recorder import CANARY

_PTX = f"""
.version 7.0
.target sm_75
.address_size 64
.visible .entry {CANARY}() {{ ret; }}
"""
"""Compiled by the driver for whatever device there is; sm_75 is the oldest that CUDA 13 knows."""


class Canary:
    """Loaded once, since loading waits for the device, which may stand behind a closed gate."""

    def __init__(self) -> None:
        module = checked(driver.cuModuleLoadData(_PTX.encode() + b"\0"))
        self._kernel = checked(driver.cuModuleGetFunction(module, CANARY.encode()))
        self.launch(1)
        torch.cuda.synchronize()

    def launch(self, blocks: int) -> None:
        """On the current stream."""
        stream = torch.cuda.current_stream().cuda_stream
        launched = driver.cuLaunchKernel(self._kernel, blocks, 1, 1, 1, 1, 1, 0, stream, 0, 0)
        checked((*launched, None))
