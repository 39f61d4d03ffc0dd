"""Floors: pure arithmetic on data sheets, and recorded times held against them."""

import json
from dataclasses import replace
from math import inf, isclose
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrity.audit import audited_roofline
from integrity.detectors.physics_floor import PhysicsFloor, below_floor
from integrity.errors import CannotJudge
from integrity.estimate import calibrated_time, window_time
from integrity.evidence import Evidence
from integrity.finding import Confidence, Finding, Severity
from integrity.floors import (
    Bound,
    Work,
    compute_floor,
    memory_floor,
    roofline,
    share_at_least,
    window_floor,
)
from integrity.peaks import DATA_SHEETS, Peaks, Rates, data_sheet
from integrity.policy import Precision
from integrity.replay import load
from integrity.run import Call, CallResult, Experiment, Inputs, Observed, Reported, Role, Run

RUNS = Path(__file__).parent / "runs"
GIB = 2.0**30
H200 = Peaks.of_accelerator("NVIDIA H200", Rates())
CPU = Peaks.of_processor(Rates(1e10, 1e11, {"float32": 1e11}), cores=1, cache_bytes=2**25)
COPY = Work(GIB, 0.9 * GIB, GIB, computed=True)


@pytest.mark.parametrize(
    ("device", "sheet"),
    [
        ("NVIDIA H200", "NVIDIA H200"),
        ("NVIDIA H100 80GB HBM3", "NVIDIA H100 SXM"),
        ("NVIDIA H100 PCIe", "NVIDIA H100 PCIe"),
        ("NVIDIA B200", "NVIDIA B200"),
        ("NVIDIA A100-SXM4-80GB", "NVIDIA A100 80 GB"),
        ("NVIDIA A100 80GB PCIe", "NVIDIA A100 80 GB"),
        ("NVIDIA A100-PCIE-40GB", "NVIDIA A100 40 GB"),
        ("NVIDIA L40S", "NVIDIA L40S"),
        ("AMD Instinct MI300X", "AMD Instinct MI300X"),
        ("AMD Instinct MI355X", "AMD Instinct MI355X"),
    ],
)
def test_a_device_is_known_by_what_its_driver_calls_it(device: str, sheet: str) -> None:
    found = data_sheet(device)
    assert found is not None
    assert found.device == sheet


@pytest.mark.parametrize("device", ["NVIDIA H100 NVL", "NVIDIA L40", "NVIDIA A100", "NVIDIA H20"])
def test_a_relative_of_a_known_device_is_not_taken_for_it(device: str) -> None:
    assert data_sheet(device) is None


def test_every_figure_of_a_data_sheet_has_its_source_and_every_rate_is_there() -> None:
    for sheet in DATA_SHEETS:
        assert sheet.source
        assert {"float64", "float32", "bfloat16", "float16", "float8_e4m3fn", "int8"} <= {
            dtype for dtype, rate in sheet.rates.flops_per_s.items() if rate > 0
        } | ({"float8_e4m3fn"} if "A100" in sheet.device else set())
        assert sheet.rates.dram_bytes_per_s > 0 < sheet.cache_bytes
        assert sheet.link_bytes_per_s > 0


def test_the_documented_table_is_the_table() -> None:
    page = (RUNS.parent.parent / "docs" / "floors.md").read_text()
    dtypes = ["float64", "float32", "tf32", "bfloat16", "float8_e4m3fn", "int8", "float4_e2m1fn_x2"]
    for sheet in DATA_SHEETS:
        flops = sheet.rates.flops_per_s
        cells = [
            f"{sheet.rates.dram_bytes_per_s / 1e12:g}", str(sheet.cache_bytes >> 20),
            f"{sheet.link_bytes_per_s / 1e12:g}",
            *(f"{flops[dtype] / 1e12:g}" if dtype in flops else "-" for dtype in dtypes),
        ]  # fmt: skip
        assert f"| {sheet.device} | {' | '.join(cells)} |" in page


def test_a_copy_of_a_gibibyte_takes_its_bytes_over_the_bandwidth() -> None:
    cache = 50 * 2**20
    assert isclose(memory_floor(COPY, H200).us, (1.9 * GIB - cache) / 4.8e12 * 1e6)
    assert isclose(roofline(COPY, H200).us, (2 * GIB - cache) / 4.8e12 * 1e6)
    assert roofline(COPY, H200).bound is Bound.MEMORY


def test_an_output_that_fits_the_cache_costs_no_memory_traffic() -> None:
    small = Work(2.0**20, 2.0**20, 2.0**20, computed=True)
    assert isclose(memory_floor(small, H200).us, 2**20 / 4.8e12 * 1e6)


def test_outputs_of_a_wide_window_fill_the_cache_together() -> None:
    small = Work(2.0**20, 2.0**20, 2.0**20, computed=True)
    assert isclose(window_floor(small, H200, 1).us, 2**20 / 4.8e12 * 1e6)
    assert isclose(window_floor(small, H200, 100).us, (200 - 50) * 2**20 / 100 / 4.8e12 * 1e6)


def test_an_answer_that_may_be_a_view_has_no_floor_but_the_windows() -> None:
    view = replace(COPY, computed=False)
    assert memory_floor(view, H200).us == 0
    assert window_floor(view, H200, 1) == window_floor(COPY, H200, 1)


def test_warm_inputs_come_through_the_cache_and_the_rest_from_memory() -> None:
    fits, larger = Work(2.0**24, 2.0**24), Work(2.0**26, 2.0**26)
    assert isclose(roofline(fits, CPU).us, 2**24 / 1e11 * 1e6)
    assert isclose(roofline(larger, CPU).us, (2**26 - 2**25) / 1e10 * 1e6)


def test_nothing_is_below_a_cache_of_unknown_size() -> None:
    unknown = Peaks.of_processor(Rates(1e10, 0.0), cores=1)
    assert unknown.cache_bytes == inf
    assert roofline(COPY, unknown).us == 0


def test_float32_products_are_counted_at_the_rate_of_their_cheapest_emulation() -> None:
    product = Work(flops={"float32": 2.0 * 4096**3}, products={"float32": 2.0 * 4096**3})
    assert isclose(compute_floor(product, H200).us, 2 * 4096**3 / (989.4e12 / 3) * 1e6)
    assert isclose(compute_floor(product, H200, Precision.TF32).us, 2 * 4096**3 / 494.7e12 * 1e6)
    assert isclose(roofline(product, H200).us, 2 * 4096**3 / 67e12 * 1e6)


def test_a_dtype_without_a_known_rate_costs_nothing() -> None:
    assert compute_floor(Work(products={"complex64": 1e15}), H200).us == 0


def test_what_takes_less_than_a_launch_takes_a_launch() -> None:
    launching = replace(H200, reached=replace(H200.reached, launch_us=1.5))
    assert roofline(Work(1024.0), launching).bound is Bound.LAUNCH


def test_a_measurement_above_the_data_sheet_replaces_it_and_one_below_does_not() -> None:
    fast, slow = (
        Peaks.of_accelerator("NVIDIA H200", Rates(rate, flops_per_s={"float32": 1e12}))
        for rate in (5e12, 1e12)
    )
    assert fast.limit.dram_bytes_per_s == 5e12
    assert slow.limit.dram_bytes_per_s == 4.8e12
    assert slow.limit.flops_per_s["float32"] == 67e12


def test_a_device_that_nobody_described_has_room_above_its_measurement_and_no_proof() -> None:
    unknown = Peaks.of_accelerator("NVIDIA X1", Rates(1e12))
    assert isclose(memory_floor(COPY, unknown).us, 0.9 * GIB / 2e12 * 1e6)
    assert window_floor(COPY, unknown, 1).us == 0


def test_rates_and_work_survive_a_runs_facts() -> None:
    counted = {"bfloat16": 7.0, "float32": 3.0}
    work = replace(
        COPY, flops=counted, products={"bfloat16": 6.0}, uncounted=("a", "b"), doubted=("tril",)
    )
    assert Work.of_facts(work.as_facts()) == work
    rates = Rates(1.0, 2.0, {"float32": 3.0, "tf32": 4.0}, 5.0)
    assert Rates.of_facts(json.loads(json.dumps(rates.as_facts()))) == rates


def test_a_run_of_an_older_version_has_no_work() -> None:
    assert Work.of_facts({"input_bytes": 4.0}) is None


def test_the_proven_share_is_clopper_and_pearsons() -> None:
    assert share_at_least(0, 40) == 0
    assert isclose(share_at_least(40, 40), 0.001 ** (1 / 40), rel_tol=1e-6)
    assert isclose(share_at_least(5, 10), 0.0898, rel_tol=1e-3)  # P(X >= 5) is 0.1 % there


AMOUNT = st.floats(0, 1e13)
FLOPS = st.dictionaries(st.sampled_from(["float32", "bfloat16", "float64", "complex64"]), AMOUNT)
WORKS = st.builds(Work, AMOUNT, AMOUNT, AMOUNT, st.booleans(), FLOPS, FLOPS)


@given(WORKS, WORKS, st.sampled_from([H200, CPU]), st.integers(1, 256))
def test_more_work_never_lowers_a_floor(a: Work, b: Work, peaks: Peaks, width: int) -> None:
    both = Work(
        a.read_bytes + b.read_bytes, a.proven_bytes + b.proven_bytes,
        a.written_bytes + b.written_bytes, True,
        {d: a.flops.get(d, 0) + b.flops.get(d, 0) for d in {*a.flops, *b.flops}},
        {d: a.products.get(d, 0) + b.products.get(d, 0) for d in {*a.products, *b.products}},
    )  # fmt: skip
    room = 1 + 1e-9
    assert roofline(a, peaks).us <= roofline(both, peaks).us * room
    assert memory_floor(a, peaks).us <= memory_floor(both, peaks).us * room
    assert compute_floor(a, peaks).us <= compute_floor(both, peaks).us * room
    assert window_floor(a, peaks, width).us <= window_floor(both, peaks, width).us * room


def timed(net_us: float, null_us: float, width: int = 1) -> list[Run]:
    """Three lifetimes of ten windows, each as long as all others."""
    calls = tuple(Call((Inputs(0),) * width) for _ in range(10))
    times = {Role.SUBMISSION: net_us * width + null_us, Role.NULL: null_us}
    results = tuple(
        CallResult(call, role, Observed(us, 0.0, ()), Reported(us))
        for call in range(10)
        for role, us in times.items()
    )
    return [Run(Experiment(f"pairs-{n + 1}", calls, (*times,)), results) for n in range(3)]


def below(runs: list[Run], work: Work, peaks: Peaks = H200) -> Finding | None:
    return next(below_floor(runs, work, peaks, Precision.REFERENCE), None)


FLOOR_US = memory_floor(COPY, H200).us


@given(share=st.floats(0.001, 0.89), width=st.integers(1, 64))
@settings(max_examples=30, deadline=None)
def test_every_fabricated_time_below_the_floor_is_found(share: float, width: int) -> None:
    found = below(timed(share * FLOOR_US, 300.0, width), COPY)
    assert found is not None
    assert (found.id, found.measured["bound"]) == ("physics-floor", "memory")


@given(share=st.floats(1.0, 50.0), width=st.integers(1, 64))
@settings(max_examples=30, deadline=None)
def test_no_time_above_the_floor_is_found(share: float, width: int) -> None:
    assert below(timed(share * FLOOR_US, 300.0, width), COPY) is None


def test_a_whole_window_below_its_bytes_is_proof() -> None:
    found = below(timed(50.0, 10.0), COPY)
    assert found is not None
    assert found.hard


def test_a_calibrated_time_below_its_bytes_is_no_proof_since_it_is_a_difference() -> None:
    found = below(timed(50.0, 1000.0), COPY)
    assert found is not None
    assert (found.hard, found.severity, found.confidence) == (
        False, Severity.HACK, Confidence.MEDIUM,
    )  # fmt: skip


def test_a_time_below_its_arithmetic_is_weak_since_algebra_may_need_less() -> None:
    product = Work(2.0**26, 2.0**26, 2.0**25, computed=True, products={"bfloat16": 2.0 * 8192**3})
    found = below(timed(300.0, 100.0), product)
    assert found is not None
    assert found.measured["bound"] == "compute"
    assert (found.hard, found.severity, found.confidence) == (
        False, Severity.SUSPICIOUS, Confidence.LOW,
    )  # fmt: skip


def test_a_processor_is_never_sure_of_its_caches() -> None:
    found = below(timed(1.0, 30_000.0), replace(COPY, read_bytes=2.0**24), CPU)
    assert found is not None
    assert (found.hard, found.confidence) == (False, Confidence.LOW)


def test_the_clocks_own_error_is_no_finding() -> None:
    small = Work(2.0**22, 2.0**22, 2.0**22, computed=True)  # 0.87 us at 4.8 TB/s
    assert below(timed(0.05, 15.0), small) is None


def edited(evidence: Evidence, factor: float) -> Evidence:
    """The recorded times of the submission beyond the null's, and nothing else, made shorter."""

    def shorter(run: Run) -> Run:
        nulls = [r.observed.elapsed_us for r in run.of(Role.NULL)]
        null = sorted(nulls)[len(nulls) // 2] if nulls else 0.0
        return replace(run, results=tuple(
            replace(r, observed=replace(
                r.observed, elapsed_us=null + (r.observed.elapsed_us - null) * factor
            )) if r.role is Role.SUBMISSION else r
            for r in run.results
        ))  # fmt: skip

    return replace(evidence, runs={name: shorter(run) for name, run in evidence.runs.items()})


def test_a_recorded_honest_kernel_is_at_75_percent_of_the_roofline_of_its_gpu() -> None:
    evidence = load(RUNS / "h200-softmax-honest.json").evidence()
    found = audited_roofline(evidence)
    assert found is not None
    assert (found.floor.bound, found.device) == (Bound.MEMORY, "NVIDIA H200")
    assert round(found.time.us) == 132
    assert round(found.share, 2) == 0.75
    assert list(PhysicsFloor().detect(evidence)) == []


@pytest.mark.parametrize(("factor", "hard"), [(0.5, False), (0.3, True), (0.01, True)])
def test_the_same_record_with_its_times_edited_below_the_floor_is_found(
    factor: float, hard: bool
) -> None:
    evidence = edited(load(RUNS / "h200-softmax-honest.json").evidence(), factor)
    [found] = PhysicsFloor().detect(evidence)
    assert found.measured["bound"] == "memory"
    assert found.hard is hard  # its window holds next to nothing else


def test_a_record_whose_whole_windows_are_edited_is_proven_impossible() -> None:
    evidence = load(RUNS / "h200-softmax-honest.json").evidence()
    runs = {
        name: replace(run, results=tuple(
            replace(r, observed=replace(r.observed, elapsed_us=20.0)) for r in run.results
        ))
        for name, run in evidence.runs.items()
    }  # fmt: skip
    [found] = PhysicsFloor().detect(replace(evidence, runs=runs))
    assert found.hard


def test_a_processor_that_was_not_measured_is_an_abstention() -> None:
    evidence = load(RUNS / "honest-row-sumsq.json").evidence()
    trivial = evidence.runs["trivial"]
    runs = {**evidence.runs, "trivial": replace(trivial, facts=COPY.as_facts())}
    with pytest.raises(CannotJudge, match="not run"):
        list(PhysicsFloor().detect(replace(evidence, runs=runs)))


def test_a_record_without_derived_work_is_an_abstention() -> None:
    evidence = load(RUNS / "honest-row-sumsq.json").evidence()
    with pytest.raises(CannotJudge, match="not derived"):
        list(PhysicsFloor().detect(evidence))
    assert audited_roofline(evidence) is None


def test_a_problem_of_which_nothing_can_be_counted_on_is_an_abstention() -> None:
    evidence = load(RUNS / "h200-softmax-honest.json").evidence()
    trivial = evidence.runs["trivial"]
    nothing = replace(trivial, facts=Work().as_facts())
    unmeasured = {name: run for name, run in evidence.runs.items() if name != "peaks"}
    with pytest.raises(CannotJudge, match="counted on"):
        list(PhysicsFloor().detect(replace(evidence, runs={**unmeasured, "trivial": nothing})))


def test_times_are_shared_out_among_the_calls_of_a_window() -> None:
    runs = timed(7.0, 100.0, width=20)
    assert isclose(calibrated_time(runs, Role.SUBMISSION).us, 7.0)
    assert isclose(window_time(runs, Role.SUBMISSION).us, 12.0)
    assert calibrated_time(runs, Role.SUBMISSION).width == 20
