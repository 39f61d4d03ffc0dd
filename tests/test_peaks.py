"""Peaks of the machine at hand: measured once, kept, and measured again where that is not sound."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from supervised import bench

from integrity.errors import CannotJudge
from integrity.peaks import Peaks, Rates
from integrity.supervision import peaks
from integrity.supervision.bench import Bench
from integrity.supervision.workers import Zygote

TIMED = {"threads": 1.0}


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("auto") as started:
        yield started


@pytest.fixture(scope="module")
def measured(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Rates]:
    """Measured on this machine, and where it was kept."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        found = peaks.measured(bench(zygote, ""), TIMED)
    [kept] = folder.rglob("peaks-*.json")
    return kept, Rates.of_facts(found.facts)


@pytest.fixture
def kept(measured: tuple[Path, Rates], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what was kept, in a cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    place = tmp_path / "kernel-integrity" / measured[0].name
    place.parent.mkdir()
    place.write_text(measured[0].read_text())
    return place


@pytest.fixture
def unable(zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench whose workers never start, so that nothing can be measured."""

    class Never(Zygote):
        def spawn(self, building: bool = False, elsewhere: bool = False) -> None:  # type: ignore[override]
            raise CannotJudge("measured again")

    return bench(Never(), "")


def test_this_machine_reads_memory_and_multiplies(measured: tuple[Path, Rates]) -> None:
    rates = measured[1]
    assert 1e8 < rates.dram_bytes_per_s < 1e13
    assert 1e8 < rates.cache_bytes_per_s < 1e14
    assert 1e8 < rates.flops_per_s["float64"] < 1e14
    assert rates.launch_us == 0


def test_no_processor_is_faster_than_its_loads_allow(measured: tuple[Path, Rates]) -> None:
    limit = Peaks.of_processor(Rates(), cores=1).limit
    assert measured[1].cache_bytes_per_s < limit.cache_bytes_per_s
    assert measured[1].flops_per_s["float32"] < limit.flops_per_s["float32"]


def test_what_was_measured_once_is_not_measured_again(
    kept: Path, unable: Bench, measured: tuple[Path, Rates]
) -> None:
    assert Rates.of_facts(peaks.measured(unable, TIMED).facts) == measured[1]


@pytest.mark.parametrize("facts", [{"threads": 2.0}, {"device": "NVIDIA H200", "driver": "580"}])
def test_another_device_or_share_of_it_is_measured_by_itself(
    kept: Path, unable: Bench, facts: dict[str, float | str]
) -> None:
    with pytest.raises(CannotJudge, match="measured again"):
        peaks.measured(unable, facts)


def damaged(kept: Path, **facts: object) -> str:
    document = json.loads(kept.read_text())
    return json.dumps({**document, "facts": {**document["facts"], **facts}})


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"facts": 3}', '{"facts": {"a": "b"}}'])
def test_a_corrupt_file_is_measured_again(kept: Path, unable: Bench, text: str) -> None:
    kept.write_text(text)
    with pytest.raises(CannotJudge, match="measured again"):
        peaks.measured(unable, TIMED)


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), -1.0, 0.0, None])
def test_an_absurd_rate_is_measured_again(kept: Path, unable: Bench, rate: object) -> None:
    kept.write_text(damaged(kept, dram_bytes_per_s=rate))
    with pytest.raises(CannotJudge, match="measured again"):
        peaks.measured(unable, TIMED)


def test_what_was_measured_on_another_device_is_not_taken_for_this_one(
    kept: Path, unable: Bench
) -> None:
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "device": "another"}))
    with pytest.raises(CannotJudge, match="measured again"):
        peaks.measured(unable, TIMED)
