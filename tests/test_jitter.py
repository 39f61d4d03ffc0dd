"""Other values for the same kernel, on the host and on a GPU."""

from typing import Any

import numpy as np
import pytest

from integrity.supervision import arrays
from integrity.supervision.arrays import Bytes, fetch
from integrity.supervision.compare import decode
from integrity.supervision.jitter import JITTERS, encode, jitter, perturb, scattered
from integrity.supervision.memory import Tensor

PIECE = 16
FLOATING = ["float64", "float32", "float16", "bfloat16"]


@pytest.fixture(params=["numpy", pytest.param("cupy", marks=pytest.mark.gpu)])
def xp(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Each array library, with pieces so short that small tensors have several."""
    monkeypatch.setitem(arrays.PIECE, request.param, PIECE)
    return pytest.importorskip(request.param)


def raw(xp: Any, values: Any, dtype: str = "float32") -> Bytes:
    found = encode(Tensor((len(values),), dtype), np.asarray(values, dtype=np.float64))
    return xp.asarray(found)  # type: ignore[no-any-return]


def plainly(kind: str, values: Any, seed: int) -> Any:
    """NumPy's streams on a whole tensor: what recorded seeds have to give for ever."""
    random = np.random.default_rng(seed)
    match kind:
        case "signs":
            return values * random.choice([-1.0, 1.0], values.size)
        case "sparse":
            return np.where(random.random(values.size) < 0.9, 0.0, values)
        case "heavy-tails":
            spiked = values.copy()
            spiked[random.integers(0, values.size, 1 + values.size // 1000)] *= 64
            return spiked
        case "permuted":
            return random.permutation(values)
    return {
        "scale-up": values * 64, "scale-down": values / 64, "clustered": 8 + values / 1024,
        "zeros": values * 0, "ones": values * 0 + 1,
    }[kind]  # fmt: skip


@pytest.mark.parametrize("kind", JITTERS)
def test_jitter_replays_from_its_seed_and_leaves_integers_alone(xp: Any, kind: str) -> None:
    tensors = [Tensor((64,), "float32"), Tensor((4,), "int64")]
    values = [raw(xp, np.linspace(-1, 1, 64)), xp.asarray(np.arange(4).view(np.uint8))]
    first, again = (jitter(tensors, values, kind, seed=7) for _ in range(2))
    assert (first[0] == again[0]).all()
    assert (first[1] == values[1]).all()
    assert (first[0] != values[0]).any()
    assert fetch(values[0]).tolist() == fetch(raw(xp, np.linspace(-1, 1, 64))).tolist()


@pytest.mark.parametrize("kind", JITTERS)
@pytest.mark.parametrize("dtype", FLOATING)
@pytest.mark.parametrize("size", [1, PIECE - 1, PIECE, PIECE + 1, 3000])
def test_on_the_host_pieces_draw_what_the_whole_did(
    kind: str, dtype: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(arrays.PIECE, "numpy", PIECE)
    tensor = Tensor((size,), dtype)
    given = raw(np, np.linspace(-2, 3, size), dtype)
    whole = encode(tensor, plainly(kind, decode(tensor, given), seed=3))
    assert decode(tensor, jitter([tensor], [given], kind, seed=3)[0]).tolist() == (
        decode(tensor, whole).tolist()
    )


@pytest.mark.parametrize("dtype", FLOATING)
def test_every_kind_changes_what_it_says(xp: Any, dtype: str) -> None:
    size = 40 * PIECE + 1
    tensor = Tensor((size,), dtype)
    given = raw(xp, 1 + np.arange(size) % 100, dtype)
    values = fetch(decode(tensor, given))
    found = {k: fetch(decode(tensor, jitter([tensor], [given], k, 5)[0])) for k in JITTERS}
    assert (found["scale-up"] == values * 64).all()
    assert (found["scale-down"] == values / 64).all()
    assert (np.abs(found["signs"]) == values).all()
    assert 0.3 < (found["signs"] < 0).mean() < 0.7
    assert 0.8 < (found["sparse"] == 0).mean() < 0.97
    assert set(found["heavy-tails"] / values) == {1.0, 64.0}
    assert sorted(found["permuted"]) == sorted(values)
    assert (found["permuted"] != values).mean() > 0.5
    assert set(found["zeros"]) == {0.0} and set(found["ones"]) == {1.0}


@pytest.mark.parametrize("size", [1, 2, PIECE, 3 * PIECE + 1, 997, 1024])
def test_scattering_keeps_every_element_once(xp: Any, size: int) -> None:
    for seed in range(5):
        found = scattered(xp.arange(size, dtype=np.uint16), np.random.default_rng(seed))
        assert sorted(fetch(found).tolist()) == list(range(size))


def test_nothing_is_jittered_where_there_is_nothing(xp: Any) -> None:
    empty = xp.zeros(0, dtype=np.uint8)
    assert jitter([], [], "signs", 1) == []
    assert jitter([Tensor((0,), "float32")], [empty], "permuted", 1)[0].size == 0


@pytest.mark.parametrize("dtype", FLOATING)
def test_perturbing_a_region_changes_that_region_only(xp: Any, dtype: str) -> None:
    size = 9 * PIECE
    tensor = Tensor((size,), dtype)
    given = raw(xp, [1.0] * (size - 1) + [-4.0], dtype)
    changed = fetch(decode(tensor, perturb(tensor, given, region=1, regions=3)))
    third = size // 3
    assert set(changed[third : 2 * third]) == {-1.5 + 0.5 * 4}
    assert set(changed[:third]) == {1.0} == set(changed[2 * third : -1])
    assert fetch(decode(tensor, given))[third] == 1.0
