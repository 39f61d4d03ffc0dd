"""What a CPU can do with a submission, as far as its source says."""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

from integrity.harness.outline import Outline, bound_names, flat

_NOT_PRETENDED = (
    "RawKernel", "RawModule", "_compile_kernel", "cupy", "numba", "graphed_callables", "threading",
    "start_new_thread", "ThreadPool", "concurrent.futures", "multiprocessing", "asyncio",
    "std::thread", "std::async", "pthread",
)  # fmt: skip
"""What a processor can't do in a GPU's stead, and threads, which would not know of the pretence."""

_NOT_EMULATED = re.compile(
    r"\b(asm|volatile)\b|wmma|[<\"](mma|cooperative_groups|cuda_pipeline|cudnn|cublas|curand|cub/|thrust/|cutlass|cute/)"
    r"|\b(cublas|cudnn|cusparse|cusolver|cufft|curand|nvrtc|cu)[A-Z]\w+\(|\bcuda::"
    r"|\bcuda(Graph|Ipc|HostAlloc|HostRegister|LaunchCooperative|LaunchKernel|DeviceSetLimit)"
    r"|\bcudaStreamSetAttribute|\bCUDACachingAllocator::|\bdl(open|sym)\b"
)
"""What CUDA C++ may ask for and `worker/emulated_cuda.py` has not; what this misses won't build.
Shared memory that is volatile relies on threads of a warp going step by step, as does such without
barriers: one thread after another computes something else there."""

GPU_ONLY = {
    "torch.cuda.Stream": "creates a torch.cuda.Stream",
    "torch.cuda.CUDAGraph": "captures a CUDA graph",
    "torch.cuda.graph": "captures a CUDA graph",
}
PROBES = {"is_available", "is_cuda", "device_count"}
"""Attributes that a source asks before it uses a GPU."""


_GPU_WORDS = ("triton", "__global__", "cuda_sources", "RawKernel", "RawModule", "_compile_kernel")


def has_gpu_code(text: str) -> bool:
    """Whether there may be a kernel in it that compiles for a GPU. A text test, so that a plain C
    kernel pays nothing; a source that assembles these words is missed."""
    return any(word in text for word in _GPU_WORDS)


def may_fall_back(text: str) -> bool:
    """Whether it may take another way than its GPU kernels where there is no device, since it asks.
    A text test, as `has_gpu_code`."""
    return has_gpu_code(text) and any(word in text for word in (*PROBES, "device.type"))


def needs_gpu(text: str) -> str:
    """Why this source can't run on a CPU; empty where nothing says so.

    What stands behind `torch.cuda.is_available()`, `x.is_cuda`, a `try` with a way out or
    `if __name__ == "__main__"` does not count: on a CPU it is not reached. Known misses:
    a device in a variable that is not a plain constant, and a CUDA source built at run time.
    """
    outline = Outline.of(text)
    constants = _constants(outline.statements)
    for node in _reached(outline.statements):
        if reason := _reason(node, constants):
            return f"{reason} (line {node.lineno})"
    return ""


def pretends_gpu(texts: Iterable[str]) -> bool:
    """Whether modules run on a processor that says it is a GPU: where one of them needs one, or
    has Triton kernels and asks for one before it launches them, and all that they do there can be
    done here. A text test, as `has_gpu_code`: what it misses fails when it is run."""
    needed = False
    for text in texts:
        if any(word in text for word in _NOT_PRETENDED) or not _is_emulated(text):
            return False
        needed = needed or bool(needs_gpu(text) or (may_fall_back(text) and runs_interpreted(text)))
    return needed


def _is_emulated(text: str) -> bool:
    """Whether its CUDA C++, if it has any, can be built for a processor."""
    if "__global__" not in text and "cuda_sources" not in text:
        return True
    if "__shared__" in text and "__sync" not in text:
        return False
    spelt = re.sub(r"\b(c10|at|torch)::cuda::", "", text)
    return "load_inline" in text and not _NOT_EMULATED.search(spelt)


def runs_interpreted(text: str) -> str:
    """Why a CPU's times mean nothing for this source; empty where nothing says so.

    A Triton kernel runs on a CPU by its interpreter, a thousand times slower than compiled, and one
    thread does the work of a launch of CUDA C++: what they compute can be checked, how fast can't.
    """
    outline = Outline.of(text)
    constants = _constants(outline.statements)
    triton = _bound_from("triton", outline.statements)
    for node in _reached(outline.statements):
        if isinstance(node, ast.Call) and _builds_cuda(node, constants):
            return f"its CUDA C++ is built for a processor here (line {node.lineno})"
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                called = decorator.func if isinstance(decorator, ast.Call) else decorator
                if _dotted(called).split(".")[0] in triton:
                    return f"{node.name} is a Triton kernel, interpreted here (line {node.lineno})"
    return ""


def _bound_from(package: str, statements: Sequence[ast.stmt]) -> set[str]:
    """Top-level names that come from that package, by whatever alias."""
    names: set[str] = set()
    for statement in flat(statements):
        match statement:
            case ast.Import():
                names |= {
                    alias.asname or package
                    for alias in statement.names
                    if alias.name.split(".")[0] == package
                }
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] == package:
                names |= bound_names(statement)
    return names


def _reached(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt | ast.expr]:
    """Every node that a machine without a GPU may come to, in the order of the source."""
    stack: list[ast.AST] = list(reversed(_until_guard(statements)))
    while stack:
        node = stack.pop()
        if isinstance(node, ast.stmt | ast.expr):
            yield node
        stack.extend(reversed(_children(node)))


def _children(node: ast.AST) -> list[ast.AST]:
    match node:
        case ast.If() | ast.IfExp() if _asks(node.test) or _is_main(node.test):
            branch = node.body if _negated(node.test) else node.orelse
            return list(branch) if isinstance(branch, list) else [branch]
        case ast.Try() if node.handlers and not any(_raises(one.body) for one in node.handlers):
            return [*(one for handler in node.handlers for one in handler.body), *node.finalbody]
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return [*node.decorator_list, node.args, *_until_guard(node.body)]
    return list(ast.iter_child_nodes(node))


def _until_guard(body: Sequence[ast.stmt]) -> list[ast.AST]:
    """A block up to where a machine without a GPU has returned: `if not x.is_cuda: return`."""
    reached: list[ast.AST] = []
    for statement in body:
        reached.append(statement)
        if isinstance(statement, ast.If) and _asks(statement.test) and _negated(statement.test):
            last = statement.body[-1]
            if isinstance(last, ast.Return | ast.Continue):
                break
    return reached


def _reason(node: ast.stmt | ast.expr, constants: dict[str, object]) -> str:
    match node:
        case ast.Import() if any(alias.name.split(".")[0] == "cupy" for alias in node.names):
            return "imports cupy"
        case ast.ImportFrom(module=str(module)) if module.split(".")[0] == "cupy":
            return "imports cupy"
        case ast.Assert() if _asks(node.test) and not _negated(node.test):
            return "asserts a CUDA device"
        case ast.If() if _asks(node.test) and _negated(node.test) and _raises(node.body):
            return "raises without a CUDA device"
        case ast.Call():
            return _call_reason(node, constants)
    return ""


def _call_reason(call: ast.Call, constants: dict[str, object]) -> str:
    name = _dotted(call.func)
    if name in GPU_ONLY:
        return GPU_ONLY[name]
    if isinstance(call.func, ast.Attribute) and call.func.attr == "cuda":
        return "moves data with .cuda()"
    if _builds_cuda(call, constants):
        return "compiles CUDA sources"
    for keyword in call.keywords:
        if keyword.arg == "device" and _is_cuda(keyword.value, constants):
            return 'puts tensors on device "cuda"'
    moves = name == "torch.device" or name.rpartition(".")[2] == "to"
    if moves and call.args and _is_cuda(call.args[0], constants):
        return 'puts tensors on device "cuda"'
    return ""


def _builds_cuda(call: ast.Call, constants: dict[str, object]) -> bool:
    """Whether it is `load_inline` with CUDA C++ for its third argument."""
    placed = call.args[2:3] if _dotted(call.func).endswith("load_inline") else []
    named = [each.value for each in call.keywords if each.arg == "cuda_sources"]
    return any(not _is_empty(value, constants) for value in (*placed, *named))


def _asks(test: ast.expr) -> bool:
    """Whether a condition asks if there is a GPU."""
    for node in ast.walk(test):
        if isinstance(node, ast.Attribute) and node.attr in PROBES:
            return True
        if isinstance(node, ast.Constant) and node.value == "cuda":
            return True
    return False


def _negated(test: ast.expr) -> bool:
    """Whether the condition holds where there is no GPU, by the shapes people write."""
    if isinstance(test, ast.BoolOp):
        return any(_negated(value) for value in test.values)
    if isinstance(test, ast.Compare):
        return isinstance(test.ops[0], ast.NotEq | ast.IsNot)
    return isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)


def _is_main(test: ast.expr) -> bool:
    named = (node.id for node in ast.walk(test) if isinstance(node, ast.Name))
    return "__name__" in named


def _raises(body: Sequence[ast.stmt]) -> bool:
    return isinstance(body[-1], ast.Raise)


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed([*parts, node.id])) if isinstance(node, ast.Name) else ""


def _constants(statements: Sequence[ast.stmt]) -> dict[str, object]:
    """Plain constants at the top level, by name: `DEVICE = "cuda"`."""
    return {
        target.id: statement.value.value
        for statement in statements
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def _value(node: ast.expr, constants: dict[str, object]) -> object:
    if isinstance(node, ast.Name):
        return constants.get(node.id, node)
    return node.value if isinstance(node, ast.Constant) else node


def _is_empty(node: ast.expr, constants: dict[str, object]) -> bool:
    if isinstance(node, ast.List | ast.Tuple):
        return all(_is_empty(element, constants) for element in node.elts)
    return _value(node, constants) in ("", None)


def _is_cuda(node: ast.expr, constants: dict[str, object]) -> bool:
    value = _value(node, constants)
    return isinstance(value, str) and value.split(":")[0] == "cuda"
