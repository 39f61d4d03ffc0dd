"""What Triton asks a device's driver, answered where there is no device.

Triton's interpreter needs no device. Autotuners, benchmarks and grids that follow from the number
of multiprocessors do.
"""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

from integrity.worker import pretended_graph
from integrity.worker.pretend import Stub


class Device:
    """A driver that says it drives the H100 which the rest pretends to be."""

    def __init__(self, target: Any) -> None:
        self._target = target
        self.utils = _Utilities()

    def get_current_target(self) -> Any:
        """What is compiled for."""
        return self._target

    def get_current_device(self) -> int:
        """Its number."""
        return 0

    def get_current_stream(self, device: Any = None) -> int:
        """The default stream."""
        return 0

    def get_device_capability(self, device: Any = None) -> tuple[int, int]:
        """That of sm_90."""
        return 9, 0

    def __getattr__(self, name: str) -> Any:
        return Stub()


class _Utilities:
    def get_device_properties(self, device: Any) -> dict[str, int]:
        return {
            "max_shared_mem": 232448, "max_num_regs": 65536, "multiprocessor_count": 132,
            "warpSize": 32, "sm_clock_rate": 1980000, "mem_clock_rate": 2619000,
            "mem_bus_width": 5120,
        }  # fmt: skip

    def load_binary(self, *arguments: Any) -> tuple[int, ...]:
        return 0, 0, 32, 0, 1024


def stand_in(texts: Iterable[str]) -> None:
    """For Triton's interpreter, where these modules may use it and it is there."""
    if not any("triton" in text for text in texts) or find_spec("triton") is None:
        return
    from triton.backends.compiler import GPUTarget
    from triton.runtime import driver
    from triton.runtime.interpreter import InterpretedFunction

    driver.set_active(Device(GPUTarget("cuda", 90, 32)))
    tune_nothing()
    _let_graphs_see(InterpretedFunction)


def _let_graphs_see(launcher: Any) -> None:
    run = launcher.run

    def running(kernel: Any, *args: Any, **options: Any) -> Any:
        def again() -> Any:  # by whatever `run` is by then
            return kernel.run(*args, **options)

        return pretended_graph.launch(lambda: run(kernel, *args, **options), again)

    launcher.run = running


def tune_nothing() -> None:
    """Nothing is timed: the first configuration that survives the pruning wins."""
    import triton.testing
    from triton.runtime.autotuner import Autotuner

    Autotuner._bench = lambda tuner, *args, **options: [1.0, 1.0, 1.0]
    triton.testing.do_bench = triton.testing.do_bench_cudagraph = _once


def _once(fn: Any, *arguments: Any, quantiles: Any = None, **options: Any) -> Any:
    fn()
    return [1.0] * len(quantiles) if quantiles else 1.0
