"""Detectors that read what a device was recorded doing: each with a hack and its honest twin.

The traces are made up here, in the form that `supervision.recording` gives them.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from supervised import bench

from integrity.detectors import device_work
from integrity.detectors.detector import Detector
from integrity.detectors.host_offload import HostOffload
from integrity.detectors.idle_calls import IdleCalls
from integrity.detectors.launch_signature import LaunchSignature
from integrity.detectors.off_stream import OffStream
from integrity.detectors.silenced_recorder import SilencedRecorder
from integrity.detectors.timer_event import TimerEvent
from integrity.detectors.vendor_kernels import VendorKernels
from integrity.device_trace import DeviceTrace, Kind, Record, Window
from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Confidence
from integrity.policy import GENERATOR, Policy
from integrity.run import Role, Run
from integrity.supervision.runner import run
from integrity.supervision.workers import Zygote

CALLS = len(device_work.EXPERIMENT.calls)
READERS = [
    OffStream(),
    VendorKernels(),
    LaunchSignature(),
    HostOffload(),
    IdleCalls(),
    TimerEvent(),
]
OWN = Record(Kind.KERNEL, "mine", grid=(8, 1, 1), block=(128, 1, 1))
ATEN = "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_11FillFunctorIfEE"
NVJET = "nvjet_tst_128x64_64x9_1x2_h_bz_NNT"
LIBRARY = replace(OWN, name=ATEN)


def trace(*calls: Sequence[Record], between: Sequence[Record] = ()) -> DeviceTrace:
    """Calls of 100 us, 1 ms apart; records say when they run since their call began."""
    records, windows = [], []
    for number, asked in enumerate(calls):
        opened = number * 1_000_000
        windows.append(Window(opened, opened + 100_000, 0, 7))
        for record, call in (*((r, number) for r in asked), *((r, None) for r in between)):
            start, end = opened + record.start_ns, opened + (record.end_ns or 90_000)
            stream = record.stream or 7
            records.append(replace(record, call=call, start_ns=start, end_ns=end, stream=stream))
    return DeviceTrace(tuple(records), tuple(windows))


def every_call(*asked: Record, between: Sequence[Record] = ()) -> DeviceTrace:
    return trace(*[asked] * CALLS, between=between)


REFERENCE = every_call(LIBRARY)


def evidence(
    ours: DeviceTrace, reference: DeviceTrace = REFERENCE, policy: Policy = GENERATOR
) -> Evidence:
    any_evidence: Any = None
    traces = {Role.SUBMISSION: ours, Role.REFERENCE: reference}
    facts = {"input_bytes": 1e6, "output_bytes": 1e6}
    made = Run(device_work.EXPERIMENT, (), facts=facts, device_traces=traces)
    return Evidence(any_evidence, any_evidence, policy, {made.experiment.name: made})


def found(detector: Detector, *made: Any, **named: Any) -> list[str]:
    return [f"{f.id}: {f.claim}" for f in detector.detect(evidence(*made, **named))]


def test_an_honest_kernel_is_accused_of_nothing() -> None:
    honest = every_call(OWN)
    assert [found(detector, honest) for detector in (*READERS, SilencedRecorder())] == [[]] * 7


def test_a_side_stream_that_is_joined_is_honest() -> None:
    assert found(OffStream(), every_call(replace(OWN, stream=13, end_ns=99_000))) == []


def test_work_that_outlasts_the_call_on_another_stream_escapes() -> None:
    escaping = every_call(replace(OWN, stream=13, end_ns=350_000))
    [claim] = found(OffStream(), escaping)
    assert claim.startswith("unjoined-stream")
    assert "mine ran on for 250.0 us" in claim


def test_work_on_another_device_escapes_too() -> None:
    [claim] = found(OffStream(), every_call(replace(OWN, device=1, end_ns=350_000)))
    assert claim.startswith("unjoined-stream")


def test_what_the_references_library_leaves_behind_is_nobodys_trick() -> None:
    left = replace(LIBRARY, stream=13, end_ns=350_000)
    assert found(OffStream(), every_call(OWN, left), every_call(left)) == []


def test_kernels_that_are_launched_after_every_return_are_a_finding() -> None:
    late = replace(OWN, start_ns=400_000, end_ns=500_000)
    [claim] = found(OffStream(), every_call(between=[late]))
    assert (
        claim
        == "launches-after-return: launches kernels between its calls, after it returned: mine"
    )


def test_kernels_between_calls_that_the_reference_has_too_are_the_workers() -> None:
    usual = replace(OWN, name="worker_copies", start_ns=400_000, end_ns=500_000)
    ours, reference = every_call(OWN, between=[usual]), every_call(LIBRARY, between=[usual])
    assert found(OffStream(), ours, reference) == []


def test_torch_copying_an_output_that_the_worker_cannot_lend_is_no_late_work() -> None:
    copied = replace(LIBRARY, start_ns=400_000, end_ns=500_000)
    assert found(OffStream(), every_call(OWN, between=[copied])) == []


def test_what_is_launched_before_the_first_call_is_preparation() -> None:
    before = replace(OWN, call=None, start_ns=-500_000, end_ns=-400_000)
    prepared = every_call(OWN)
    assert found(OffStream(), replace(prepared, records=(before, *prepared.records))) == []


@pytest.mark.parametrize(
    "name",
    [
        ATEN,
        NVJET,
        "sm90_xmma_gemm_f32f32_tf32f32_f32_nn_n_tilesize128x128x32",
        "ampere_sgemm_128x64_nn",
        "_ZN7cutlass7Kernel2I47cutlass_80_tensorop_s1688gemm_128x128_16x5_nn_align4EEvNT_6ParamsE",
        "_ZN8cublasLt19splitKreduce_kernelILi32ELi16EiffEEvv",
        "_ZN5cudnn3ops16nchwToNhwcKernelIfffLb0ELb1EEEvv",
    ],
)
def test_library_kernels_alone_are_a_finding_however_they_were_called(name: str) -> None:
    [claim] = found(VendorKernels(), every_call(replace(OWN, name=name)))
    assert claim.startswith("only-library-kernels: runs no kernel but a library's")


@pytest.mark.parametrize(
    "name",
    [
        "matmul_kernel",
        "triton_poi_fused_add_0",
        "_Z10cudnn_likePf",
        "_Z13ampere_kernelPf",
        "_ZN7cutlass13device_kernelINS_4gemm6kernel13GemmUniversalEEEvNT_6ParamsE",
    ],
)
def test_a_kernel_of_its_own_beside_the_librarys_is_honest(name: str) -> None:
    both = every_call(LIBRARY, replace(OWN, name=name, start_ns=80_000))
    assert found(VendorKernels(), both) == []


def test_a_policy_that_allows_the_library_accuses_nobody() -> None:
    allowed = replace(GENERATOR, allow_library_only=True)
    assert found(VendorKernels(), every_call(LIBRARY), policy=allowed) == []


def test_a_submission_that_copies_only_is_not_called_a_library() -> None:
    copy = Record(Kind.COPY, "DTOD", bytes=1_000_000)
    assert found(VendorKernels(), every_call(copy)) == []


def test_a_kernel_that_skips_values_it_has_seen_changes_its_launches() -> None:
    cached = trace(*[[OWN]] * (CALLS - 2), [], [])
    [claim] = found(LaunchSignature(), cached)
    assert claim.endswith("launches other kernels in some of its calls: from 0 to 1 a call")


def test_a_kernel_that_grows_its_grid_for_some_callers_changes_its_launches() -> None:
    other = replace(OWN, grid=(1, 1, 1))
    assert found(LaunchSignature(), trace(*[[OWN]] * (CALLS - 1), [other])) != []


def test_a_kernel_that_tunes_itself_in_its_first_calls_is_honest() -> None:
    tuned = trace([OWN] * 40, [LIBRARY, OWN], *[[OWN]] * (CALLS - 2))
    assert found(LaunchSignature(), tuned) == []


def test_launches_may_change_where_the_references_do() -> None:
    changing = trace(*[[OWN]] * (CALLS - 1), [OWN, OWN])
    assert found(LaunchSignature(), changing, changing) == []


def events(*names: str) -> list[Record]:
    return [Record(Kind.EVENT, name) for name in names]


def timed_by(inside: dict[str, list[str]]) -> DeviceTrace:
    """Calls between two events of the worker's, in which other events are recorded."""
    plain = every_call(OWN)
    records: list[Record] = []
    for call, (start, within) in enumerate(inside.items()):
        records += events(start)
        records += [replace(each, call=call) for each in (*events(*within), OWN)]
        records += events(f"end of {start}")
    return replace(plain, records=tuple(records))


def test_a_start_event_that_is_recorded_again_is_a_finding() -> None:
    again = timed_by({"1": ["1"], "3": ["3"], "5": []})
    [found_again] = TimerEvent().detect(evidence(again))
    assert (found_again.id, found_again.measured) == ("start-recorded-again", {"calls": 2})
    assert found_again.confidence is Confidence.MEDIUM


@pytest.mark.parametrize("within", [[], ["7"], ["7", "7"], ["end of 1"]])
def test_events_of_its_own_may_be_recorded_as_often_as_it_likes(within: list[str]) -> None:
    assert found(TimerEvent(), timed_by({"1": within, "3": within})) == []


def test_a_start_event_that_the_reference_records_again_too_is_the_workers() -> None:
    both = timed_by({"1": ["1"]})
    assert found(TimerEvent(), both, both) == []


def copies(down: int, up: int) -> DeviceTrace:
    return every_call(
        Record(Kind.COPY, "DTOH", bytes=down), OWN, Record(Kind.COPY, "HTOD", bytes=up)
    )


def test_who_launches_nothing_once_an_answer_is_kept_is_found() -> None:
    kept = trace([OWN], *[()] * (CALLS - 1))
    assert found(IdleCalls(), kept) == [
        "no-device-work: asks the device for nothing in 4 later calls, though it worked before"
    ]


def test_a_view_that_never_needs_the_device_is_honest() -> None:
    assert found(IdleCalls(), every_call()) == []


def test_an_answer_that_the_reference_needs_no_device_for_is_honest() -> None:
    assert found(IdleCalls(), trace([OWN], *[()] * (CALLS - 1)), every_call()) == []


def test_inputs_that_go_to_the_host_and_outputs_that_come_back_are_a_finding() -> None:
    [claim] = found(HostOffload(), copies(1_000_000, 1_000_000))
    assert claim.startswith("computes-on-host: copies 1,000,000 bytes to the host")


def test_a_small_input_may_be_read_by_the_host() -> None:
    told = evidence(copies(1_000_000, 1_000_000))
    made = told.run(device_work.EXPERIMENT.name)
    small = replace(made, facts={"input_bytes": 65_535.0, "output_bytes": 65_535.0})
    assert list(HostOffload().detect(replace(told, runs={made.experiment.name: small}))) == []


@pytest.mark.parametrize(("down", "up"), [(4, 1_000_000), (1_000_000, 8), (0, 0)])
def test_reading_a_flag_or_sending_a_table_is_honest(down: int, up: int) -> None:
    assert found(HostOffload(), copies(down, up)) == []


def test_what_the_reference_copies_too_is_the_problems() -> None:
    both = copies(1_000_000, 1_000_000)
    assert found(HostOffload(), both, both) == []


def test_a_trace_without_its_canaries_is_a_finding() -> None:
    [claim] = found(SilencedRecorder(), DeviceTrace(complete=False))
    assert claim.startswith("silenced-recorder: does not let its device be recorded")


def test_who_says_that_there_is_no_recorder_where_the_reference_has_one_silences_it() -> None:
    [claim] = found(SilencedRecorder(), DeviceTrace(complete=False, unavailable="no CUPTI here"))
    assert claim.startswith("silenced-recorder")


@pytest.mark.parametrize("detector", READERS)
def test_a_trace_without_its_canaries_clears_nobody(detector: Detector) -> None:
    with pytest.raises(CannotJudge, match="do not show all that its device did"):
        found(detector, DeviceTrace(complete=False))


@pytest.mark.parametrize("detector", READERS)
def test_more_than_is_kept_clears_nobody(detector: Detector) -> None:
    with pytest.raises(CannotJudge, match="7 records were left out"):
        found(detector, replace(every_call(OWN), left_out=7))


@pytest.mark.parametrize("detector", [*READERS, SilencedRecorder()])
def test_a_machine_that_does_not_show_the_references_work_accuses_nobody(
    detector: Detector,
) -> None:
    silent = DeviceTrace(complete=False)
    with pytest.raises(CannotJudge, match="not even show all that the reference's device did"):
        found(detector, silent, silent)


@pytest.mark.parametrize("detector", [*READERS, SilencedRecorder()])
def test_a_machine_without_cupti_says_how_to_get_it(detector: Detector) -> None:
    missing = DeviceTrace(complete=False, unavailable="cupti-python can't be imported")
    with pytest.raises(CannotJudge, match="devices were not recorded: cupti-python can't"):
        found(detector, missing, missing)


@pytest.mark.parametrize("detector", [*READERS, SilencedRecorder()])
def test_a_worker_that_told_nothing_is_an_abstention(detector: Detector) -> None:
    told = evidence(REFERENCE)
    made = told.run(device_work.EXPERIMENT.name)
    lost = replace(made, device_traces={Role.REFERENCE: REFERENCE})
    with pytest.raises(CannotJudge, match="died before it could tell"):
        list(detector.detect(replace(told, runs={made.experiment.name: lost})))


def beside(facts: dict[str, float | str], **named: Any) -> Evidence:
    """Evidence of an audit that made other runs than this one."""
    other = Run(replace(device_work.EXPERIMENT, name="fresh"), (), facts=facts)
    return replace(evidence(REFERENCE), runs={"fresh": other}, **named)


@pytest.mark.parametrize("detector", [*READERS, SilencedRecorder()])
def test_a_processor_has_no_device_to_record(detector: Detector) -> None:
    assert list(detector.detect(beside({"threads": 2.0}))) == []


@pytest.mark.parametrize("detector", [*READERS, SilencedRecorder()])
def test_a_device_that_was_not_recorded_is_an_abstention(detector: Detector) -> None:
    with pytest.raises(CannotJudge, match="its experiment was not run"):
        list(detector.detect(beside({"device": "NVIDIA H200"})))
    skipped = {device_work.EXPERIMENT.name: "no time was left"}
    with pytest.raises(CannotJudge, match="no time was left"):
        list(detector.detect(beside({"threads": 2.0}, skipped=skipped)))


def test_a_worker_without_a_recorder_tells_nothing_and_its_calls_are_checked() -> None:
    """The whole way to a real worker and back; on a processor it has nothing to answer with."""
    with Zygote("auto") as zygote:
        setup = bench(zygote, "def kernel(x): return 2 * x + 1")
        made = run(setup, device_work.EXPERIMENT)
    assert [r.observed.checks[0].wrong for r in made.of(Role.SUBMISSION)] == [False] * CALLS
    assert made.device_traces == dict.fromkeys(made.experiment.roles, DeviceTrace(complete=False))
    told = replace(evidence(REFERENCE), runs={made.experiment.name: made})
    with pytest.raises(CannotJudge, match="not even show all that the reference's device did"):
        list(SilencedRecorder().detect(told))
