"""What functions and methods of libraries give back: fresh memory, a view, an item, a file."""

from __future__ import annotations

ALLOCATORS = frozenset(
    f"{module}.{name}{suffix}"
    for module in ("torch", "numpy", "cupy")
    for name in ("empty", "zeros", "ones", "full")
    for suffix in ("", "_like")
) | {"torch.empty_strided", "torch.Tensor", "torch.FloatTensor"}
ALLOCATING_METHODS = {"new_empty", "new_zeros", "new_ones", "new_full", "new_empty_strided"}
VIEWS = {
    "clone",
    "detach",
    "view",
    "reshape",
    "contiguous",
    "to",
    "float",
    "half",
    "bfloat16",
    "type",
    "squeeze",
    "unsqueeze",
    "expand",
    "t",
    "transpose",
    "permute",
    "requires_grad_",
    "cpu",
    "cuda",
    "copy",
    "narrow",
    "flatten",
    "unflatten",
    "view_as",
    "view_as_real",
    "view_as_complex",
    "ravel",
    "movedim",
    "swapaxes",
    "reshape_as",
    "type_as",
    "double",
    "expand_as",
    "numpy",
    "alias",
    "as_strided",
    "chunk",
    "split",
    "tensor_split",
    "unbind",
}
COPIES = {"clone", "copy"}
"""Those of them that always take new memory."""

ITEMS = {
    "get",
    "pop",
    "setdefault",
    "popitem",
    "values",
    "__getitem__",
    "popleft",
    "peek",
    "send",
    "__next__",
}
FILES = {
    "torch.load",
    "numpy.load",
    "pickle.load",
    "joblib.load",
    "numpy.memmap",
    "torch.from_file",
    "numpy.fromfile",
    "torch.UntypedStorage.from_file",
}
WRAPPERS = {
    f"torch.{name}"
    for name in (
        "from_numpy", "as_tensor", "tensor", "frombuffer", "view_as_real", "view_as_complex",
        "ravel", "squeeze", "unsqueeze", "transpose", "permute", "reshape", "flatten", "movedim",
        "as_strided", "narrow", "chunk", "split", "unbind",
    )
}  # fmt: skip
"""Functions that give back what they are given, seen in another way."""

MEMOISING = {"functools.lru_cache", "functools.cache", "functools.lru_cache()"}


GIVES_ELEMENTS = {
    f"builtins.{name}"
    for name in ("next", "iter", "list", "tuple", "zip", "enumerate", "reversed", "sorted")
}
