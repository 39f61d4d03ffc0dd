"""What this machine offers an audit. Asks the system; imports no library to find out."""

import contextlib
import ctypes
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from integrity.supervision.cuda.mps import available

CLONE_NEWUSER = 0x10000000
LANDLOCK_CREATE_RULESET, LANDLOCK_VERSION = 444, 1
PR_GET_SECCOMP = 21
_CUDA_EXTRA = "pip install 'kernel-integrity[cuda]'"
_DISTRIBUTIONS = {"cupy": ("cupy-cuda13x", "cupy-cuda12x", "cupy")}
"""Where a library is distributed under other names."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing an audit can use."""

    name: str
    present: bool
    what: str
    cost: str
    """What can't be done without it."""


def checks() -> Iterator[Check]:
    """Every check, the cheapest first."""
    yield from _host()
    yield from _sandbox()
    yield from _run()
    yield from _gpu()
    yield from _judge()


def _host() -> Iterator[Check]:
    python = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Check("python", True, python, "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    enough = (cores or 1) > 1
    cost = "supervisor and kernel share a core: times are noisier, intervals wider"
    yield Check("cores", enough, str(cores), cost)
    free = _available_bytes()
    cost = "problems whose tensors do not fit are abstained from"
    yield Check("memory", free > 2**31, f"{free / 2**30:.1f} GiB available", cost)


def _sandbox() -> Iterator[Check]:
    namespaces = _user_namespaces()
    cost = "no --isolation namespaces: the kernel shares the network and the process table"
    yield Check("user namespaces", namespaces, "usable" if namespaces else "refused", cost)
    abi = _landlock_abi()
    cost = "no --isolation landlock: without namespaces either, only --isolation none is left"
    yield Check("landlock", abi > 0, f"ABI {abi}" if abi > 0 else "not in this kernel", cost)
    seccomp = _seccomp()
    cost = "system calls are not filtered: a kernel may trace or signal processes of its user"
    yield Check("seccomp", seccomp, "usable" if seccomp else "refused", cost)


def _run() -> Iterator[Check]:
    cost = "nothing can be run: static level only; pip install 'kernel-integrity[run]'"
    yield _package("torch", cost)
    yield _package("triton", "Triton kernels are read but not run, not even interpreted")
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    cost = "C++ in load_inline strings is read but not run; install a C++ compiler"
    yield Check("c++ compiler", bool(compiler), _base_name(compiler), cost)
    ninja = shutil.which("ninja")
    cost = "load_inline can't build: such kernels abstain; pip install ninja"
    yield Check("ninja", bool(ninja), _base_name(ninja), cost)


def _gpu() -> Iterator[Check]:
    nodes = list(Path("/dev").glob("nvidia[0-9]*"))
    cuda = _cuda_version()
    cost = "no --level gpu: CUDA sources are read but not run, GPU times are not checked"
    yield Check("cuda device", bool(nodes and cuda), _device(len(nodes), cuda), cost)
    for name, what in (("cuda-bindings", "share memory with"), ("cupy", "compute on")):
        cost = f"no --level gpu: the supervisor can't {what} a device; {_CUDA_EXTRA}"
        yield _package(name, cost)
    cost = f"throttling and others' processes on the device go unseen while timing; {_CUDA_EXTRA}"
    yield _package("nvidia-ml-py", cost)
    why_not = available()
    cost = "kernels under 100 us can't be timed across processes on a GPU"
    yield Check("mps", not why_not, why_not or "nvidia-cuda-mps-control", cost)
    compiler = shutil.which("nvcc")
    cost = "CUDA C++ in load_inline strings is read but not run; Triton kernels are"
    yield Check("nvcc", bool(compiler), _base_name(compiler), cost)


def _device(nodes: int, cuda: str) -> str:
    """Model and driver as the kernel module tells them; it doesn't in every container."""
    if not nodes:
        return "no device node"
    if not cuda:
        return f"{nodes} device nodes, driver missing"
    models = [_model(path) for path in Path("/proc/driver/nvidia/gpus").glob("*/information")]
    named = next(filter(None, models), f"{nodes} device nodes")
    driver = _text(Path("/sys/module/nvidia/version")).strip()
    return f"{named}, driver {driver} (CUDA {cuda})" if driver else f"{named}, CUDA {cuda}"


def _model(information: Path) -> str:
    lines = _text(information).splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("Model")), "")


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _cuda_version() -> str:
    """What the driver's library offers; empty where it can't be loaded."""
    found = ctypes.c_int()
    try:
        status = ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(found))
    except (OSError, AttributeError):
        return ""
    return f"{found.value // 1000}.{found.value % 1000 // 10}" if status == 0 else ""


def _judge() -> Iterator[Check]:
    known = bool(os.environ.get("OPENAI_API_KEY"))
    what = "OPENAI_API_KEY is set" if known else "OPENAI_API_KEY is not set"
    yield Check("judge", known, what, "the LLM judge abstains; it can't convict alone anyway")


def _package(name: str, cost: str) -> Check:
    for distribution in _DISTRIBUTIONS.get(name, (name,)):
        with contextlib.suppress(PackageNotFoundError):
            return Check(name, True, version(distribution), "")
    return Check(name, False, "not installed", cost)


def _base_name(path: str | None) -> str:
    return Path(path).name if path else "not found"


def _available_bytes() -> int:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 0


def _user_namespaces() -> bool:
    """Whether an ordinary process may make one: tried in a child, which alone changes."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if ctypes.CDLL(None).unshare(CLONE_NEWUSER) == 0 else 1)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _landlock_abi() -> int:
    try:
        call = ctypes.CDLL(None).syscall
    except (OSError, AttributeError):
        return 0
    return int(call(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), LANDLOCK_VERSION))


def _seccomp() -> bool:
    try:
        return int(ctypes.CDLL(None).prctl(PR_GET_SECCOMP, 0, 0, 0, 0)) >= 0
    except (OSError, AttributeError):
        return False
