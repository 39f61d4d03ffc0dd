"""What audits one after another may share: the process that workers are forked from, a device."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from integrity.request import Isolation, Level
from integrity.supervision.backend import Backend, CpuBackend
from integrity.supervision.workers import Zygote


@dataclass(frozen=True, slots=True)
class Machine:
    """A zygote that has started, and the device its workers use."""

    zygote: Zygote
    backend: Backend


@contextmanager
def machine(level: Level, isolation: Isolation) -> Iterator[Machine]:
    """Start one; it is gone when the block is left.

    Raises:
        BadInput: no such device, or the isolation can't be had.
        CannotJudge: no worker can be started.
    """
    with ExitStack() as stack:
        if level is not Level.GPU:
            yield Machine(stack.enter_context(Zygote(isolation)), CpuBackend())
            return
        from integrity.supervision.cuda.backend import CudaBackend
        from integrity.supervision.cuda.platform import cuda_platform

        zygote = stack.enter_context(Zygote(isolation, cuda_platform()))
        yield Machine(zygote, stack.enter_context(CudaBackend(zygote)))
