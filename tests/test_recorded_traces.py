"""What CUPTI records of each route to a device: one call each, recorded on an NVIDIA H200.

Written by `benchmarks/tracers.py FOLDER`.
"""

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from integrity.detectors.device_work import is_library
from integrity.device_trace import DeviceTrace, Kind, Record

TRACES = Path(__file__).parent / "traces"
ROUTES = {
    "in_torch": ["vectorized_elementwise_kernel"],
    "in_triton": ["tripled"],
    "in_cupy": ["raw"],
    "in_extension": ["inlined"],
    "on_a_side_stream": ["vectorized_elementwise_kernel"],
    "in_a_thread": ["vectorized_elementwise_kernel"],
    "in_a_graph": ["vectorized_elementwise_kernel"] * 2,
}


def recorded(route: str) -> DeviceTrace:
    return TypeAdapter(DeviceTrace).validate_json((TRACES / f"{route}.json").read_bytes())


def kernels(route: str) -> list[Record]:
    return [record for record in recorded(route).work(0) if record.kind is Kind.KERNEL]


def test_every_recorded_trace_is_read() -> None:
    assert {path.stem for path in TRACES.glob("*.json")} == set(ROUTES)


@pytest.mark.parametrize(("route", "names"), ROUTES.items())
def test_every_route_shows_its_kernels_between_both_canaries(route: str, names: list[str]) -> None:
    found = kernels(route)
    assert recorded(route).complete
    assert len(found) == len(names)
    assert all(name in kernel.name for name, kernel in zip(names, found, strict=True))
    assert all(kernel.takes_ns > 0 for kernel in found)


@pytest.mark.parametrize("route", ROUTES)
def test_kernels_of_torch_are_a_librarys_and_authored_ones_are_not(route: str) -> None:
    authored = route in {"in_triton", "in_cupy", "in_extension"}
    assert [is_library(kernel) for kernel in kernels(route)] == [not authored] * len(ROUTES[route])


def test_work_on_a_side_stream_is_told_from_the_callers() -> None:
    [window] = recorded("on_a_side_stream").windows
    [kernel] = kernels("on_a_side_stream")
    assert kernel.stream != window.stream
    assert kernel.end_ns <= window.closed_ns  # it was joined


def test_kernels_of_a_replayed_graph_are_recorded_one_by_one() -> None:
    assert all(kernel.graph for kernel in kernels("in_a_graph"))
    assert not any(kernel.graph for kernel in kernels("in_torch"))
