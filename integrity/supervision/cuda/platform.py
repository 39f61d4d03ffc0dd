"""What a worker needs of this machine to use its CUDA device."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from integrity.errors import BadInput
from integrity.supervision.platform import Platform

_NODES = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia[0-9]*")
_TOOLS = ("nvcc", "gcc", "g++", "cc", "c++", "ld", "ninja")
_INSTRUMENTS = ("compute-sanitizer", "ncu")
_TOOLKIT, _NSIGHT = Path("/usr/local/cuda/bin"), Path("/opt/nvidia/nsight-compute")
_SYSTEM = (Path("/usr/bin"), Path("/bin"), Path("/usr/local/bin"))
_PASSED_ON = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_HOME", "TORCH_CUDA_ARCH_LIST")
_MEMORY_BYTES = 32 * 2**30


def cuda_platform(dev: Path = Path("/dev")) -> Platform:
    """Device nodes, compilers outside the system's directories, and where libraries lie.

    Raises:
        BadInput: this machine has no NVIDIA device.
    """
    nodes = tuple(str(node) for pattern in _NODES for node in sorted(dev.glob(pattern)))
    if not any(Path(node).name[6:].isdigit() for node in nodes):
        raise BadInput(
            "--level gpu needs an NVIDIA device and there is none (/dev/nvidia0 is missing); "
            "use --level cpu or --level static, or see `integrity doctor`"
        )
    programs = [Path(found) for name in _TOOLS if (found := shutil.which(name))]
    instruments = [Path(found) for name in _INSTRUMENTS if (found := instrument(name))]
    outside = [program for program in programs if program.parent not in _SYSTEM]
    home = [Path(path)] if (path := os.environ.get("CUDA_HOME", "")).startswith("/") else []
    needed = (*outside, *instruments)
    trees = [_tree_of(p) for program in needed for p in (program, program.resolve())]
    if instruments and _NSIGHT.is_dir():  # the toolkit's `ncu` is a script that starts this one
        trees.append(_NSIGHT)
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    if libraries := _driver_folders():
        environment["LD_LIBRARY_PATH"] = libraries
    return Platform(
        device="cuda",
        memory_bytes=_MEMORY_BYTES,
        nodes=nodes,
        tools=tuple(dict.fromkeys(str(tree) for tree in [*trees, *home] if tree != Path("/usr"))),
        path=tuple(dict.fromkeys(str(program.parent) for program in outside)),
        environment=environment,
    )


def instrument(name: str) -> str | None:
    """Where one of NVIDIA's tools is that watch a whole process: on the path, in the toolkit's
    usual place, or in a wheel of NVIDIA's."""
    spec = find_spec("nvidia")
    wheels = [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
    folders = [_TOOLKIT, *(folder for wheel in wheels for folder in sorted(wheel.glob("*/bin")))]
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, folders)))


def _tree_of(program: Path) -> Path:
    """What a program needs to run: the tree it is installed in, but never a user's home."""
    tree, home = program.parent.parent, Path.home()
    private = home.is_relative_to(tree) or tree == home / ".local"
    return program.parent if private else tree


def _driver_folders() -> str:
    """Those of the user's library folders that hold the driver, and no others."""
    folders = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    return ":".join(f for f in folders if f and (Path(f) / "libcuda.so.1").exists())
