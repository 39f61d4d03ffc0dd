"""The checker: what counts as right, on values written out here."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrity.policy import Precision
from integrity.supervision.compare import Answer, Yardstick, compare, decode
from integrity.supervision.jitter import JITTERS, encode, jitter, perturb
from integrity.supervision.memory import (
    GUARD_BYTES,
    BadLayout,
    Bytes,
    Tensor,
    lay_out,
    parse_tensors,
    untouched_share,
)


def raw(values: list[float], dtype: str = "float32") -> Bytes:
    return np.asarray(values, dtype=dtype).view(np.uint8)


def answer(
    native: list[float], wide: list[float] | None = None, precision: Precision = Precision.REFERENCE
) -> Answer:
    tensor = Tensor((len(native),), "float32")
    exact = np.asarray(wide if wide is not None else native, dtype=np.float64)
    return Answer((Yardstick.of(tensor, raw(native), exact, precision),))


def share(output: list[float], expected: Answer) -> float:
    return compare([raw(output)], expected).mismatched_share


def test_the_references_own_bytes_are_right() -> None:
    assert share([1.0, 2.0, 3.0], answer([1.0, 2.0, 3.0])) == 0.0


def test_a_rounding_difference_is_right_and_a_real_one_is_not() -> None:
    assert share([1.0, 2.0, 3.00001], answer([1.0, 2.0, 3.0])) == 0.0
    assert share([1.0, 2.0, 3.01], answer([1.0, 2.0, 3.0])) == pytest.approx(1 / 3)


def test_tiny_outputs_do_not_pass_for_zeros() -> None:
    """Under a fixed 1e-4 they would: the mean of a softmax over 8192 elements is 1.2e-4."""
    assert share([0.0, 0.0], answer([1.2e-5, 1.3e-5])) == 1.0


def test_a_small_element_beside_large_ones_may_be_off_by_their_scale() -> None:
    assert share([1000.0, 0.01], answer([1000.0, 0.0])) == 0.0


def test_what_the_references_own_rounding_costs_is_allowed_eightfold() -> None:
    expected = answer(native=[1.0, 1.001], wide=[1.0, 1.0])
    assert share([1.0, 1.007], expected) == 0.0
    assert share([1.0, 1.02], expected) == 0.5


def test_a_policy_that_permits_tf32_widens_the_tolerance() -> None:
    assert share([1.001, 1.0], answer([1.0, 1.0])) == 0.5
    assert share([1.001, 1.0], answer([1.0, 1.0], precision=Precision.TF32)) == 0.0


def test_nan_is_wrong_unless_the_reference_says_nan() -> None:
    nan, inf = float("nan"), float("inf")
    assert share([nan, 1.0], answer([2.0, 1.0])) == 0.5
    assert share([nan, 1.0], answer([nan, 1.0])) == 0.0
    assert share([inf, 1.0], answer([inf, 1.0])) == 0.0
    assert share([-inf, 1.0], answer([inf, 1.0])) == 0.5
    assert share([0.0, 1.0], answer([nan, 1.0])) == 0.5


def test_integers_are_exact_beyond_float64() -> None:
    large = np.asarray([2**60, 2**60 + 1], dtype=np.int64)
    tensor = Tensor((2,), "int64")
    yardstick = Yardstick.of(tensor, large.view(np.uint8), large.astype(float), Precision.REFERENCE)
    swapped = large[::-1].copy().view(np.uint8)
    assert compare([swapped], Answer((yardstick,))).mismatched_share == 1.0


def test_one_value_everywhere_is_told_apart_from_a_constant_reference() -> None:
    assert compare([raw([5.0] * 3)], answer([1.0, 2.0, 3.0])).constant
    assert not compare([raw([5.0] * 3)], answer([5.0] * 3)).constant


@pytest.mark.parametrize(
    ("dtype", "code", "value"),
    [
        ("bfloat16", [0x80, 0x3F], 1.0),
        ("float16", [0x00, 0x3C], 1.0),
        ("float8_e4m3fn", [0x38], 1.0),
        ("float8_e4m3fn", [0x7E], 448.0),
        ("float8_e4m3fn", [0x01], 2.0**-9),
        ("float8_e5m2", [0x3C], 1.0),
        ("float8_e5m2", [0x7B], 57344.0),
        ("bool", [1], 1.0),
    ],
)
def test_every_dtype_is_decoded_by_its_own_format(
    dtype: str, code: list[int], value: float
) -> None:
    assert decode(Tensor((1,), dtype), np.asarray(code, dtype=np.uint8)).tolist() == [value]


@given(st.floats(-(2.0**100), 2.0**100, width=32))
def test_bfloat16_is_encoded_to_the_nearest(value: float) -> None:
    tensor = Tensor((1,), "bfloat16")
    back = decode(tensor, encode(tensor, np.asarray([value])))[0]
    assert abs(back - value) <= abs(value) * 2.0**-8 + 1e-38


@pytest.mark.parametrize("kind", JITTERS)
def test_jitter_replays_from_its_seed_and_leaves_integers_alone(kind: str) -> None:
    tensors = [Tensor((64,), "float32"), Tensor((4,), "int64")]
    values = [raw(list(np.linspace(-1, 1, 64))), np.arange(4).view(np.uint8)]
    first, again = (jitter(tensors, values, kind, seed=7) for _ in range(2))
    assert (first[0] == again[0]).all()
    assert (first[1] == values[1]).all()
    assert kind == "signs" or (first[0] != values[0]).any()


def test_perturbing_a_region_changes_that_region_only() -> None:
    tensor = Tensor((9,), "float32")
    changed = decode(tensor, perturb(tensor, raw([1.0] * 9), region=1, regions=3)) != 1.0
    assert changed.tolist() == [False] * 3 + [True] * 3 + [False] * 3


def test_tensors_are_laid_out_with_guard_bands_round_each() -> None:
    placed, end = lay_out([Tensor((3,), "float32"), Tensor((1,), "int8")])
    assert placed[0].offset >= GUARD_BYTES
    assert placed[1].offset - placed[0].place.stop >= GUARD_BYTES
    assert end - placed[1].place.stop >= GUARD_BYTES


@pytest.mark.parametrize(
    "described",
    [
        None,
        [1],
        [{"shape": [-1], "dtype": "float32"}],
        [{"shape": [2], "dtype": "complex64"}],
        [{"shape": ["2"], "dtype": "float32"}],
        [{"shape": [True], "dtype": "float32"}],
        [{"shape": [2], "dtype": "float32"}] * 100,
    ],
)
def test_a_worker_cannot_describe_what_is_no_tensor(described: object) -> None:
    with pytest.raises(BadLayout):
        parse_tensors(described)


def test_the_untouched_share_counts_whole_elements() -> None:
    before = np.arange(16, dtype=np.uint8)
    after = before.copy()
    after[5] = 99
    assert untouched_share(before, after, item_bytes=4) == 0.75
    assert untouched_share(before, after, item_bytes=1) == 0.0
