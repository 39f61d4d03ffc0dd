"""What workers need of a machine with a CUDA device, read from a machine that is played."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from integrity.errors import BadInput
from integrity.supervision.cuda import platform as platform_module
from integrity.supervision.cuda.platform import cuda_platform

VARIABLES = (
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_HOME", "TORCH_CUDA_ARCH_LIST",
    "LD_LIBRARY_PATH",
)  # fmt: skip

Install = Callable[..., Path]


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    """Nodes as a driver makes them, and what else lies there."""
    folder = tmp_path / "dev"
    folder.mkdir()
    for name in (
        "null", "nvidia0", "nvidia1", "nvidiactl", "nvidia-modeset", "nvidia-uvm",
        "nvidia-uvm-tools", "kvm", "sda",
    ):  # fmt: skip
        (folder / name).touch()
    (folder / "nvidia-caps").mkdir()
    return folder


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What is on the user's PATH; nothing of the user's environment is set."""
    found: dict[str, str] = {}
    monkeypatch.setattr(shutil, "which", lambda name, path=None: found.get(name))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return found


@pytest.fixture
def install(tmp_path: Path, programs: dict[str, str]) -> Install:
    """A program in a folder below the temporary one."""

    def at(place: str, to: Path | None = None) -> Path:
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if to is None:
            path.touch(mode=0o755)
        else:
            path.symlink_to(to)
        programs[path.name] = str(path)
        return path

    return at


def test_workers_get_the_drivers_nodes_and_no_others(dev: Path) -> None:
    assert cuda_platform(dev).nodes == tuple(
        f"{dev}/{name}"
        for name in ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia0", "nvidia1")
    )


def test_a_node_that_is_missing_is_not_asked_for(dev: Path) -> None:
    (dev / "nvidia-uvm-tools").unlink()
    (dev / "nvidia1").unlink()
    nodes = [Path(node).name for node in cuda_platform(dev).nodes]
    assert nodes == ["nvidiactl", "nvidia-uvm", "nvidia0"]


def test_a_device_may_have_any_number(dev: Path) -> None:
    for name in ("nvidia0", "nvidia1"):
        (dev / name).unlink()
    (dev / "nvidia12").touch()
    assert f"{dev}/nvidia12" in cuda_platform(dev).nodes


@pytest.mark.parametrize("left", [(), ("nvidiactl", "nvidia-uvm")])
def test_without_a_device_the_user_is_told_what_to_do(dev: Path, left: tuple[str, ...]) -> None:
    for node in dev.glob("nvidia*"):
        if node.name not in left and not node.is_dir():
            node.unlink()
    with pytest.raises(BadInput, match=r"use --level cpu or --level static, .*integrity doctor"):
        cuda_platform(dev)


def test_it_is_a_cuda_platform_with_memory_for_a_framework(dev: Path) -> None:
    platform = cuda_platform(dev)
    assert platform.device == "cuda"
    assert platform.memory_bytes == 32 * 2**30


def test_the_systems_compilers_need_nothing_more(dev: Path, programs: dict[str, str]) -> None:
    programs |= {"gcc": "/usr/bin/gcc", "ld": "/bin/ld", "ninja": "/usr/local/bin/ninja"}
    platform = cuda_platform(dev)
    assert (platform.tools, platform.path) == ((), ())


def test_a_compiler_elsewhere_is_readable_and_on_the_path(
    dev: Path, install: Install, tmp_path: Path
) -> None:
    install("cuda-13/bin/nvcc")
    platform = cuda_platform(dev)
    assert platform.tools == (f"{tmp_path}/cuda-13",)
    assert platform.path == (f"{tmp_path}/cuda-13/bin",)


def test_a_compiler_behind_a_link_is_readable_where_it_lies(
    dev: Path, install: Install, tmp_path: Path
) -> None:
    real = install("cuda-13/bin/nvcc")
    install("cuda/bin/nvcc", to=real)
    platform = cuda_platform(dev)
    assert platform.tools == (f"{tmp_path}/cuda", f"{tmp_path}/cuda-13")
    assert platform.path == (f"{tmp_path}/cuda/bin",)


def test_a_tool_that_watches_a_process_is_readable_and_not_on_the_path(
    dev: Path, install: Install, tmp_path: Path
) -> None:
    install("cuda-13/bin/compute-sanitizer")
    platform = cuda_platform(dev)
    assert platform.tools == (f"{tmp_path}/cuda-13",)
    assert platform.path == ()


def test_a_tool_of_a_wheel_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    tool = tmp_path / "nvidia/cu13/bin/compute-sanitizer"
    tool.parent.mkdir(parents=True)
    tool.touch(mode=0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    found = SimpleNamespace(submodule_search_locations=[str(tmp_path / "nvidia")])
    monkeypatch.setattr(platform_module, "find_spec", lambda name: found)
    assert platform_module.instrument("compute-sanitizer") in {
        str(tool), "/usr/local/cuda/bin/compute-sanitizer"
    }  # fmt: skip


def test_several_compilers_in_one_place_are_named_once(
    dev: Path, install: Install, tmp_path: Path
) -> None:
    for name in ("gcc", "g++", "cc", "c++", "ld"):
        install(f"toolchain/bin/{name}")
    platform = cuda_platform(dev)
    assert platform.tools == (f"{tmp_path}/toolchain",)
    assert platform.path == (f"{tmp_path}/toolchain/bin",)


def test_programs_that_compile_nothing_stay_out(dev: Path, install: Install) -> None:
    install("home/bin/vim")
    platform = cuda_platform(dev)
    assert (platform.tools, platform.path) == ((), ())


def test_a_link_to_the_systems_compiler_does_not_name_all_of_usr(
    dev: Path, install: Install, tmp_path: Path
) -> None:
    install("ccache/bin/gcc", to=Path("/usr/bin/env"))
    assert cuda_platform(dev).tools == (f"{tmp_path}/ccache",)


def test_cuda_home_is_readable_and_passed_on(
    dev: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_HOME", f"{tmp_path}/toolkit")
    platform = cuda_platform(dev)
    assert platform.tools == (f"{tmp_path}/toolkit",)
    assert platform.environment == {"CUDA_HOME": f"{tmp_path}/toolkit"}


def test_an_empty_cuda_home_makes_nothing_readable(
    dev: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_HOME", "")
    assert cuda_platform(dev).tools == ()


@pytest.mark.parametrize("place", ["bin/gcc", ".local/bin/ninja"])
def test_a_compiler_in_the_users_home_does_not_make_the_home_readable(
    dev: Path, install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    home = tmp_path / "user"
    monkeypatch.setenv("HOME", str(home))
    install(f"user/{place}")
    (home / ".local/share/keyrings").mkdir(parents=True)
    tools = cuda_platform(dev).tools
    assert not any((home / ".local/share/keyrings").is_relative_to(tool) for tool in tools)


def test_only_library_folders_that_hold_the_driver_are_passed_on(
    dev: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / name for name in ("mine", "driver", "missing", "other")]
    for folder in (*folders[:2], folders[3]):
        folder.mkdir()
    (folders[1] / "libcuda.so.1").touch()
    (folders[3] / "libcuda.so.1").touch()
    monkeypatch.setenv("LD_LIBRARY_PATH", ":".join(["", *map(str, folders), ""]))
    assert cuda_platform(dev).environment == {
        "LD_LIBRARY_PATH": f"{tmp_path}/driver:{tmp_path}/other"
    }


def test_without_a_drivers_folder_there_is_no_library_path(
    dev: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    assert cuda_platform(dev).environment == {}


def test_nothing_else_of_the_users_environment_is_passed_on(
    dev: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "OPENAI_API_KEY", "CUDA_MPS_PIPE_DIRECTORY", "LD_PRELOAD", "CUDA_INJECTION64_PATH",
        "PYTHONPATH", "TORCH_HOME", "PYTORCH_CUDA_ALLOC_CONF", "CUDA_CACHE_PATH",
    ):  # fmt: skip
        monkeypatch.setenv(name, "secret")
    kept = {
        "CUDA_VISIBLE_DEVICES": "1",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "TORCH_CUDA_ARCH_LIST": "9.0a",
    }
    for name, value in kept.items():
        monkeypatch.setenv(name, value)
    assert cuda_platform(dev).environment == kept
