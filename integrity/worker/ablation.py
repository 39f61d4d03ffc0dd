"""Takes the submission's own kernels out of a call, and counts how many launches that were.

Triton kernels, interpreted ones too, CuPy's, functions of libraries that it loaded with ctypes, and
those of extensions that it built. It shares a process with the submission, which may hide from it.
"""

import contextlib
import ctypes
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from integrity.worker import tensors

_LAUNCHERS = {
    "triton.runtime.jit": "JITFunction",
    "triton.runtime.interpreter": "InterpretedFunction",
}
_BUILDERS = ("load", "load_inline")
_CUPY = ("RawKernel", "RawModule", "ElementwiseKernel", "ReductionKernel")


class Ablation:
    """Made before the submission is loaded: what is new after that is its own."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self.launches = 0
        """That did nothing."""

        self._known = set(_foreign_functions())
        self._silent = False
        if any("cpp_extension" in text for text in modules.values()):
            self._watch_builders()
        if any("cupy" in text for text in modules.values()):
            self._watch_cupy()

    def _watch_builders(self) -> None:
        from torch.utils import cpp_extension

        for name in _BUILDERS:
            setattr(cpp_extension, name, self._building(getattr(cpp_extension, name)))

    def _building(self, build: Callable[..., Any]) -> Callable[..., Any]:
        def building(*args: Any, **kwargs: Any) -> Any:
            built = build(*args, **kwargs)
            if not isinstance(built, types.ModuleType):
                return built  # a path, for ctypes
            return _Extension(built, self.undone)

        return building

    def _watch_cupy(self) -> None:
        try:
            import cupy
        except ImportError:
            return  # nor can the submission
        for name in _CUPY:
            setattr(cupy, name, self._making(getattr(cupy, name)))

    def _making(self, make: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: _CupyKernel(make(*args, **kwargs), self._unlaunched)

    def _unlaunched(self, launch: Callable[..., Any]) -> Callable[..., Any]:
        """What launches a kernel, or does nothing while kernels are silent."""
        return lambda *args, **kwargs: (self._nothing if self._silent else launch)(*args, **kwargs)

    @contextlib.contextmanager
    def silenced(self) -> Iterator[None]:
        """Its kernels do nothing meanwhile."""
        with contextlib.ExitStack() as stack:
            for name, launcher in _LAUNCHERS.items():
                if module := sys.modules.get(name):
                    _replace(stack, getattr(module, launcher), "run", self._nothing)
            for function in set(_foreign_functions()) - self._known:
                _replace(stack, function, "__call__", self._nothing)
            self._silent = True
            stack.callback(setattr, self, "_silent", False)
            yield

    def _nothing(self, *args: Any, **kwargs: Any) -> int:
        self.launches += 1
        return 0

    def undone(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function of an extension. It has to be called for the form of what it returns; but
        for that it leaves no trace while kernels are silent."""

        def call(*args: Any, **kwargs: Any) -> Any:
            if not self._silent:
                return function(*args, **kwargs)
            self.launches += 1
            given = [each for each in (*args, *kwargs.values()) if isinstance(each, torch.Tensor)]
            before = [each.clone() for each in given]
            returned = function(*args, **kwargs)
            for tensor, kept in zip(given, before, strict=True):
                tensor.copy_(kept)
            spec, found = tensors.flatten(returned)
            own = {tensor.untyped_storage().data_ptr() for tensor in given}
            return tensors.rebuild(spec, [_blank(each, own) for each in found])

        return call


class _Extension:
    """A built module whose functions can be silenced."""

    def __init__(self, module: Any, wrap: Callable[[Any], Any]) -> None:
        self._module = module
        self._wrap = wrap

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        return self._wrap(found) if callable(found) else found


class _CupyKernel:
    """A kernel of CuPy's, or a module of them, that can be silenced."""

    def __init__(self, kernel: Any, wrap: Callable[[Any], Any]) -> None:
        self._kernel = kernel
        self._wrap = wrap

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._wrap(self._kernel)(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._kernel, name)
        if name != "get_function":
            return found
        return lambda *args: _CupyKernel(found(*args), self._wrap)


def _blank(tensor: torch.Tensor, own: set[int]) -> torch.Tensor:
    """Noise in its place, unless it was passed in."""
    if tensor.untyped_storage().data_ptr() in own:
        return tensor
    return torch.empty_like(tensor).random_(0, 2)


def _foreign_functions() -> list[type]:
    """Types of the functions of libraries loaded with ctypes, one for each library."""
    base: type = ctypes._CFuncPtr  # type: ignore[attr-defined]
    return base.__subclasses__()


def _replace(stack: contextlib.ExitStack, owner: type, name: str, by: Callable[..., Any]) -> None:
    """For as long as the stack is open."""

    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        return by(*args, **kwargs)

    if name in vars(owner):
        stack.callback(setattr, owner, name, vars(owner)[name])
    else:
        stack.callback(delattr, owner, name)
    setattr(owner, name, replacement)
