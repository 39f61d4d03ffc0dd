"""The checker: what counts as right, on values written out here."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrity.policy import Precision
from integrity.supervision import arrays
from integrity.supervision.arrays import Bytes, fetch
from integrity.supervision.compare import (
    ROUNDING,
    Answer,
    Yardstick,
    compare,
    decode,
    digest_of,
    tolerance_of,
)
from integrity.supervision.jitter import encode
from integrity.supervision.memory import (
    GUARD_BYTES,
    ITEM_BYTES,
    BadLayout,
    Tensor,
    lay_out,
    parse_tensors,
)

PIECE = 16


@pytest.fixture(params=["numpy", pytest.param("cupy", marks=pytest.mark.gpu)])
def xp(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Each array library, with pieces so short that small tensors have several."""
    monkeypatch.setitem(arrays.PIECE, request.param, PIECE)
    return pytest.importorskip(request.param)


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
    xp: Any, dtype: str, code: list[int], value: float
) -> None:
    values = decode(Tensor((1,), dtype), xp.asarray(np.asarray(code, dtype=np.uint8)))
    assert (values.dtype, values.tolist()) == (np.float64, [value])


def test_decoding_gives_a_copy(xp: Any) -> None:
    ones = xp.ones(8, dtype=np.uint8)
    decode(Tensor((1,), "float64"), ones)[0] = 0.0
    assert fetch(ones).tolist() == [1] * 8


@given(st.floats(-(2.0**100), 2.0**100, width=32))
def test_bfloat16_is_encoded_to_the_nearest(value: float) -> None:
    tensor = Tensor((1,), "bfloat16")
    back = decode(tensor, encode(tensor, np.asarray([value])))[0]
    assert abs(back - value) <= abs(value) * 2.0**-8 + 1e-38


def plainly(
    tensor: Tensor, native_raw: Bytes, wide: Any, raw: Bytes
) -> tuple[int, float, float, bool, bool]:
    """What measuring has to find, by the documented formula on whole tensors on the host."""
    native, output = decode(tensor, native_raw), decode(tensor, raw)
    with np.errstate(all="ignore"):
        own, off = np.abs(native - wide), np.abs(output - wide)
    odd = ~np.isfinite(own)
    rms = math.sqrt(np.mean(wide[~odd] ** 2)) if not odd.all() else 0.0
    tolerance = tolerance_of(tensor.dtype)
    items = [each.reshape(output.size, -1) for each in (raw, native_raw)]
    if tolerance:
        allowed = tolerance * (np.abs(wide) + rms) + ROUNDING * own[~odd].max(initial=0)
        agrees = (output == native) | (np.isnan(output) & np.isnan(native))
        wrong = np.where(odd, ~agrees, ~(off <= allowed))
    else:
        wrong, off = (items[0] != items[1]).any(axis=1), np.zeros(output.size)
    errors = [math.sqrt(np.mean(np.where(odd, 0, each) ** 2)) / (rms or 1) for each in (off, own)]
    uniform, native_uniform = (output.size > 1 and (each == each[0]).all() for each in items)
    finite = errors[0] if math.isfinite(errors[0]) else math.inf
    return int(wrong.sum()), finite, errors[1], bool(uniform), not native_uniform


def drawn(dtype: str, size: int, random: np.random.Generator) -> tuple[Bytes, Any, Bytes]:
    """A reference in its own dtype, in float64, and an output that errs here and there."""
    wide = random.standard_normal(size)
    bits = random.integers(0, 256, (2, size * ITEM_BYTES[dtype]), dtype=np.uint8)
    if dtype in ("float64", "float32", "float16", "bfloat16"):
        tensor = Tensor((size,), dtype)
        return encode(tensor, wide), wide, encode(tensor, wide * random.choice([1, 1.5], size))
    output = np.where(random.random(bits[0].size) < 0.5, bits[0], bits[1])
    if dtype == "bool":
        bits, output = bits & 1, output & 1
    native = decode(Tensor((size,), dtype), bits[0])
    native = np.where(np.isnan(native), np.nan, native)  # quiet: NumPy warns of the other kind
    return bits[0], native * (1 + 2.0**-8) if dtype.startswith("float") else native, output


SIZES = [1, 2, PIECE - 1, PIECE, PIECE + 1, 4 * PIECE, 4 * PIECE + 1, 5 * PIECE + 3]


@pytest.mark.parametrize("dtype", ITEM_BYTES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("odd", ["", "reference", "output", "both", "all"])
def test_pieces_change_nothing(xp: Any, dtype: str, size: int, odd: str) -> None:
    random = np.random.default_rng(size)
    tensor = Tensor((size,), dtype)
    native, wide, output = drawn(dtype, size, random)
    if odd and dtype in ("float64", "float32", "float16", "bfloat16"):
        special = encode(tensor, random.choice([np.nan, np.inf, -np.inf], size))
        where = np.repeat(random.random(size) < (2 if odd == "all" else 0.3), ITEM_BYTES[dtype])
        if odd != "output":
            native = np.where(where, special, native)
            wide = np.where(np.isfinite(decode(tensor, native)), wide, decode(tensor, native))
        if odd != "reference":
            output = np.where(where, special, output)
    check(xp, tensor, native, wide, output)
    check(xp, tensor, native, wide, native.copy())
    check(xp, tensor, native, wide, np.tile(output[: ITEM_BYTES[dtype]], size))


def check(xp: Any, tensor: Tensor, native: Bytes, wide: Any, output: Bytes) -> None:
    """Measured in pieces, the reference decoded or as it came, it is what it is plainly."""
    wrong, error, native_error, uniform, varies = plainly(tensor, native, wide, output)
    as_it_came = (Tensor(tensor.shape, "float64"), xp.asarray(wide.view(np.uint8)))
    for given_wide in (xp.asarray(wide), as_it_came):
        yardstick = Yardstick.of(tensor, xp.asarray(native), given_wide, Precision.REFERENCE)
        found = yardstick.measure(xp.asarray(output))
        assert (found[0], found[2], yardstick.varies) == (wrong, uniform, varies)
        assert found[1] == pytest.approx(error, rel=1e-9, abs=1e-12)
        assert yardstick.native_error == pytest.approx(native_error, rel=1e-9, abs=1e-12)


FLOATS = st.floats(width=32, allow_subnormal=False)
"""CuPy's kernels read subnormal numbers as zero, which no tolerance could tell apart."""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=40))
def test_pieces_change_nothing_for_any_floats(xp: Any, pairs: list[tuple[float, float]]) -> None:
    native, output = (np.asarray(each, dtype=np.float32) for each in zip(*pairs, strict=True))
    tensor = Tensor((len(pairs),), "float32")
    check(xp, tensor, native.view(np.uint8), native.astype(float), output.view(np.uint8))


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_an_empty_output_is_right(xp: Any, dtype: str) -> None:
    empty = xp.zeros(0, dtype=np.uint8)
    tensor = Tensor((0, 3), dtype)
    yardstick = Yardstick.of(tensor, empty, xp.zeros(0), Precision.REFERENCE)
    found = compare([empty], Answer((yardstick,)))
    assert (found.mismatched_share, found.error, found.constant) == (0.0, 0.0, False)
    assert digest_of([empty]) == digest_of([empty.copy()])


def test_a_reference_that_is_its_own_widest_is_compared_in_float64(xp: Any) -> None:
    """In float16 the differences would be 2 and 62048."""
    tensor = Tensor((40,), "float16")
    native = np.full(40, 2050, dtype=np.float16)
    output = native.copy()
    output[[0, 20]] = [2052, -60000]
    own, raw = (xp.asarray(each.view(np.uint8)) for each in (native, output))
    wrong, error, constant = Yardstick.of(tensor, own, (tensor, own), Precision.REFERENCE).measure(
        raw
    )
    assert (wrong, constant) == (1, False)
    assert error == pytest.approx(math.sqrt((2**2 + 62050**2) / 40) / 2050)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 1000, 4096])
def test_one_bit_anywhere_changes_the_digest(
    xp: Any, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bits = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)
    before = digest_of([xp.asarray(bits)])
    assert before == digest_of([xp.asarray(bits)]) and len(before) == 16
    for place, bit in [(0, 1), (size // 2, 128), (size - 1, 128)]:
        bits[place] ^= bit
        assert digest_of([xp.asarray(bits)]) != before
        bits[place] ^= bit


def test_hashes_tell_apart_what_sums_do_not(xp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two words swapped, two signs flipped, in one piece of 8 words or in two."""
    monkeypatch.setattr(arrays, "_HASHED_WORDS", 8)
    words = np.random.default_rng(0).integers(0, 1 << 63, 33, dtype=np.uint64)
    flipped = words.copy()
    flipped[[1, 9]] ^= np.uint64(1 << 63)
    orders = [
        words,
        words[::-1].copy(),
        np.roll(words, 8),
        flipped,
        np.append(words, words[:1] * 0),
    ]
    found = {arrays.hashes(xp.asarray(each.view(np.uint8))).tobytes() for each in orders}
    assert len(found) == len(orders)
    again = arrays.hashes(xp.asarray(words.view(np.uint8)))
    assert again.shape == (5, 2) and again.tobytes() in found


def test_equal_bytes_are_told_from_unequal_ones_in_every_piece(xp: Any) -> None:
    for size in (1, 3, 8 * PIECE, 8 * PIECE + 4, 100 * PIECE):
        left = xp.asarray(np.arange(size).astype(np.uint8))
        for place in (0, size // 2, size - 1):
            right = left.copy()
            right[place] += 1
            assert bool(arrays.same(left, left.copy())) and not bool(arrays.same(left, right))


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
