"""Counts what a reference computes: its operators under a dispatch mode, and what becomes of them.

Every number is a lower bound. An operator without a rule is named and costs nothing; so does one
whose result is thrown away in part, or only added up, since there is a cheaper way to the same
answer: a masked product needs half of it, the mean of a product is a product with a mean.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MOVING = _names(
    "_conj _local_scalar_dense _reshape_alias _to_copy _unsafe_view alias arange as_strided "
    "bernoulli_ cat chunk clone constant_pad_nd contiguous copy copy_ detach empty empty_like "
    "empty_strided expand expand_copy eye fill fill_ flip full full_like lift_fresh new_empty "
    "new_full new_ones new_zeros normal_ ones ones_like permute pixel_shuffle pixel_unshuffle rand "
    "randn reflection_pad1d reflection_pad2d repeat resize_ roll scalar_tensor set_ slice_scatter "
    "split split_with_sizes squeeze stack t transpose unbind unfold uniform_ unsafe_split "
    "unsqueeze view view_as_complex view_as_real zero_ zeros zeros_like"
)
"""They compute nothing."""

SELECTING = _names(
    "embedding gather index index_select masked_fill masked_fill_ masked_scatter masked_select "
    "narrow nonzero scatter scatter_ select select_scatter slice sort take tril tril_ topk triu "
    "triu_ where unique _unique2 max_pool2d_with_indices max_pool3d_with_indices dropout "
    "native_dropout diagonal diagonal_copy kthvalue median argmax argmin max min amax amin "
    "any all multinomial index_put index_put_ scatter_add scatter_reduce bincount"
)
"""What they do not take need not have been computed."""

SUMMING = _names(
    "sum mean cumsum avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d trace dot mv "
    "var var_mean std linalg_vector_norm"
)
"""Of a linear map they are a smaller linear map."""

LINEAR = _names(
    "add add_ sub sub_ rsub neg mul mul_ div div_ cat stack clone contiguous _to_copy copy_ "
    "constant_pad_nd flip roll repeat"
)
"""What goes in as a bare linear map comes out as one. Views do too: they share its storage."""

PER_OUTPUT = _names(
    "abs acos add addcdiv addcmul asin atan atan2 bitwise_and bitwise_not bitwise_or bitwise_xor "
    "ceil clamp clamp_max clamp_min cos cosh div elu eq erf erfc exp exp2 expm1 floor floor_divide "
    "fmod ge gelu gt hardsigmoid hardswish hardtanh isfinite isinf isnan le leaky_relu lerp log "
    "log10 log1p log2 log_sigmoid_forward logical_and logical_not logical_or logical_xor lt "
    "maximum minimum mish mul ne neg pow reciprocal relu relu6 remainder round rsqrt rsub sgn "
    "sigmoid sign silu sin sinh softplus sqrt square sub tan tanh threshold trunc xlogy"
)
"""At least one operation for each element that comes out."""

PER_INPUT = _names(
    "_adaptive_avg_pool2d _adaptive_avg_pool3d _log_softmax _softmax all amax amin any argmax "
    "argmin avg_pool2d avg_pool3d bincount cumprod cumsum histc kthvalue linalg_vector_norm "
    "logsumexp max max_pool2d_with_indices max_pool3d_with_indices mean median min "
    "native_batch_norm _native_batch_norm_legit_no_training native_group_norm native_layer_norm "
    "_fused_rms_norm nll_loss_forward norm prod sort std sum topk var var_mean"
)
"""At least one operation for each element that goes in."""

_PRODUCTS = {
    "mm": 0, "_int_mm": 0, "_scaled_mm": 0, "bmm": 0, "addmm": 1, "baddbmm": 1, "mv": 0, "addmv": 1,
    "dot": 0,
}  # fmt: skip
"""Which input is the left factor: its last extent is what is summed over. torch.utils.flop_counter
knows them too, and costs a quarter of a second to import."""

_CONVOLUTION = "convolution"
_ATTENTION = "scaled_dot_product", "flash_attention", "efficient_attention"


class OperatorCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """FLOPs by operator call, and which of them may be had for less."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[tuple[str, str, int]] = []
        """Name, dtype and operations of each counted call."""

        self.doubted: dict[int, str] = {}
        """Of those the ones not to be counted on, and the operator that says so."""

        self.uncounted: Counter[str] = Counter()
        self._behind: dict[int, frozenset[int]] = {}
        """Storage to all counted calls that its content comes from."""

        self._bare: dict[int, frozenset[int]] = {}
        """Storage to the linear maps whose plain sum its content is."""

        self._seen: list[StorageWeakRef] = []
        """Without these a storage that was freed would give its key to another."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        self._note(func, args, kwargs, result)
        return result

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Saying so costs an import of the whole compiler, a second and more."""
        return False

    def flops(self) -> dict[str, float]:
        """By dtype, without what is in doubt."""
        return self._sum(lambda name: True)

    def products(self) -> dict[str, float]:
        """Of these the matrix products, convolutions and attention."""
        return self._sum(lambda name: _is_linear(name) or _is_attention(name))

    def _sum(self, wanted: Callable[[str], bool]) -> dict[str, float]:
        total: Counter[str] = Counter()
        for number, (name, dtype, count) in enumerate(self.calls):
            if number not in self.doubted and wanted(name):
                total[dtype] += count
        return {dtype: float(count) for dtype, count in total.items()}

    def computes(self) -> bool:
        """Whether anything but moving was seen."""
        return bool(self.calls or self.uncounted)

    def _note(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        name = func._overloadpacket.__name__
        inputs, outputs = list(_tensors((args, kwargs))), list(_tensors(result))
        behind, bare = self._union(self._behind, inputs), self._union(self._bare, inputs)
        if name in SELECTING:
            self._doubt(behind, name)
        if name in SUMMING:
            self._doubt(bare, name)
        count = self._count(name, args, kwargs, inputs, outputs)
        own = frozenset[int]()
        if count:
            source = inputs[0] if inputs else outputs[0]
            self.calls.append((name, str(source.dtype).removeprefix("torch."), count))
            own = frozenset({len(self.calls) - 1})
        plain = own if _is_linear(name) else bare if name in LINEAR else frozenset[int]()
        for tensor in outputs:
            self._place(tensor, behind | own, plain)

    def _count(self, name: str, args: Any, kwargs: Any, inputs: Any, outputs: Any) -> int:
        """Operations; 0 where nothing is computed, or nobody knows."""
        plain = name.removesuffix("_")
        if name in _PRODUCTS:
            return _product(inputs[_PRODUCTS[name]], outputs[0])
        if name == _CONVOLUTION:
            return _convolution(args, outputs[0])
        if _is_attention(name):
            return _attention(args, kwargs)
        if plain in PER_OUTPUT:
            return max((t.numel() for t in outputs), default=0)
        if plain in PER_INPUT:
            return max((t.numel() for t in inputs), default=0)
        if name not in MOVING and name not in SELECTING and not _is_view(inputs, outputs):
            self.uncounted[name] += 1
        return 0

    def _doubt(self, calls: Iterable[int], name: str) -> None:
        for call in calls:
            self.doubted.setdefault(call, name)

    def _union(self, of: dict[int, frozenset[int]], tensors: list[torch.Tensor]) -> frozenset[int]:
        return frozenset[int]().union(*(of.get(_key(t), frozenset()) for t in tensors))

    def _place(self, tensor: torch.Tensor, behind: frozenset[int], bare: frozenset[int]) -> None:
        """What is written into a part of a storage adds to what is there."""
        key = _key(tensor)
        if key not in self._behind:
            reference = StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
            self._seen.append(reference)
            self._behind[key] = self._bare[key] = frozenset()
        self._behind[key] |= behind
        self._bare[key] |= bare


def _is_linear(name: str) -> bool:
    return name in _PRODUCTS or name == _CONVOLUTION


def _is_attention(name: str) -> bool:
    return any(word in name for word in _ATTENTION)


def _product(left: torch.Tensor, output: torch.Tensor) -> int:
    """`(..., rows, inner)` times anything: a multiply-add counts twice."""
    return 2 * output.numel() * left.shape[-1]


def _convolution(args: Any, output: torch.Tensor) -> int:
    """Every element of the output, or of the input where it is transposed, meets one filter."""
    source, weight, transposed = args[0], args[1], args[6]
    meeting = source if transposed else output
    return 2 * int(meeting.numel()) * int(weight[0].numel())


def _attention(args: Any, kwargs: Any) -> int:
    """Two products, `(batch, heads, queries, dim)` with `(batch, heads, keys, dim)`; half of them
    where it is causal. A mask may leave next to nothing of them."""
    query, key, value = args[:3]
    options = [*args[3:], *kwargs.values()]
    if any(isinstance(option, torch.Tensor) for option in options) or query.dim() != 4:
        return 0
    batch, heads, queries, dim = query.shape
    both = 2 * int(batch * heads * queries * key.shape[2] * (dim + value.shape[3]))
    return both // 2 if any(option is True for option in options) else both


def _is_view(inputs: list[torch.Tensor], outputs: list[torch.Tensor]) -> bool:
    storages = {_key(tensor) for tensor in inputs}
    return bool(outputs) and all(_key(tensor) in storages for tensor in outputs)


def _key(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)
