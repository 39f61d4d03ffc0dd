"""The walls round a worker: namespaces, a root of its own, no privileges, limits.

Used only by the zygote's children, before any submitted code exists in them. The order matters:
mounts need privileges, so they are dropped after the mounts and before the submission.
"""

import ctypes
import fcntl
import os
import platform
import resource
import secrets
import signal
import socket
import stat
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from integrity.worker import landlock, seccomp

_NEWNS, _NEWUTS, _NEWIPC = 0x00020000, 0x04000000, 0x08000000
_NEWUSER, _NEWPID, _NEWNET = 0x10000000, 0x20000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_RDONLY, _MS_REMOUNT = 2, 4, 8, 1, 32
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_MNT_DETACH = 2
_MOUNT_SETATTR, _AT_RECURSIVE, _AT_FDCWD, _ATTR_RDONLY = 442, 0x8000, -100, 1 | 2
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_CAPSET = {"x86_64": 126, "aarch64": 91}
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP = 1, 4, 24
_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 36, 38
_LAST_CAPABILITY = 63
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_NOBODY = 65534
_FRESH_IDS = range(1 << 20, 1 << 31)
_INSIDE_UID = 1000
_SCRATCH_BYTES = 1 << 30

_DEVICES = ("null", "zero", "full", "random", "urandom")
_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin")
_ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime")
_KERNEL = ("/sys/devices/system/cpu", "/sys/devices/system/node")

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one worker may use up."""

    memory_bytes: int
    """Of address space, or of private memory where a driver reserves address space by the TB."""

    cpu_s: int
    file_bytes: int = 512 * 2**20
    processes: int = 512


@dataclass(frozen=True, slots=True)
class Extras:
    """What a worker of a device needs beyond a processor's."""

    devices: tuple[str, ...] = ()
    """Device nodes."""

    channels: tuple[str, ...] = ()
    """Directories whose sockets it talks to: the MPS server's."""

    tools: tuple[str, ...] = ()
    """Trees to read: compilers outside the system's directories."""


def readable_paths(tools: Sequence[str] = ()) -> list[Path]:
    """Everything a Python with torch and a compiler needs to read, and nothing of the user's."""
    wanted = [*_SYSTEM, sys.base_prefix, sys.prefix, *(f"/etc/{name}" for name in _ETC), *_KERNEL]
    wanted += [entry for entry in sys.path if Path(entry).is_dir()]
    wanted += tools
    kept: list[Path] = []
    for path in dict.fromkeys(Path(name) for name in wanted if Path(name).exists()):
        if path != Path("/") and not any(path.is_relative_to(other) for other in kept):
            kept.append(path)
    return kept


def die_with_parent() -> None:
    """Be killed when the parent dies. Has to be said again after a change of user."""
    _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def become_subreaper() -> None:
    """Inherit orphans, so that no descendant gets out of sight."""
    _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def unshare_namespaces() -> None:
    """Leave the host's PIDs, network, IPC, name and mounts; as an ordinary user its ids too."""
    outside_uid, outside_gid = os.getuid(), os.getgid()
    flags = _NEWNS | _NEWPID | _NEWNET | _NEWIPC | _NEWUTS
    _call("unshare", flags if outside_uid == 0 else flags | _NEWUSER)
    if outside_uid != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{_INSIDE_UID} {outside_uid} 1")
        Path("/proc/self/gid_map").write_text(f"{_INSIDE_UID} {outside_gid} 1")


def build_root(cache: str, cache_writable: bool, extras: Extras) -> None:
    """A root with read-only system trees, a /proc of this PID namespace and private scratch.

    `cache` is a host directory seen at /cache; empty for none.
    """
    _mount("", "/", "", _MS_REC | _MS_PRIVATE)
    writable = {*(f"/dev/{name}" for name in _DEVICES), *extras.devices, *extras.channels}
    wanted = [*map(str, readable_paths(extras.tools)), *writable]
    handles = {path: os.open(path, os.O_PATH) for path in wanted}
    if cache:
        handles["/cache"] = os.open(cache, os.O_PATH)
    if cache_writable:
        writable.add("/cache")
    links = {str(path): os.readlink(path) for path in handles if os.path.islink(path)}
    root = "/tmp"  # any directory serves: this mount exists in our namespace alone
    _mount("tmpfs", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755,size=16m")
    # CUDA's driver names its threads through /proc and gives up where it can't.
    _mount_private(
        root, 0 if extras.devices else _MS_RDONLY
    )  # first: a virtual environment may lie below /tmp
    for path, handle in handles.items():
        if path in links:
            os.symlink(links[path], root + path)
        else:
            _bind(handle, root + path)
            if path not in writable:
                _read_only(root + path)
    _mount("", root, "", _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)
    os.chdir(root)
    _syscall(_PIVOT_ROOT[platform.machine()], b".", b".")
    _call("umount2", b".", _MNT_DETACH)
    os.chdir("/tmp")
    for handle in handles.values():
        os.close(handle)


def drop_privileges(as_another: bool, extras: Extras) -> None:
    """Give up every capability, and root's identity where another's suffices."""
    for capability in range(_LAST_CAPABILITY + 1):  # first: this takes a capability itself
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    if os.getuid() == 0 and as_another:
        os.setgroups([])
        # An MPS server was only ever tried with a user that it may know.
        _become(_NOBODY if extras.channels else secrets.choice(_FRESH_IDS))
    header = struct.pack("Ii", 0x20080522, 0)
    _syscall(_CAPSET[platform.machine()], header, b"\0" * 24)
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # A change of user makes /proc/self unreadable to oneself, which compilers trip over.
    _call("prctl", _PR_SET_DUMPABLE, 1, 0, 0, 0)
    die_with_parent()


def _become(user: int) -> None:
    """Be that user; nobody, where ids are mapped and that one is not.

    One of its own: a user's processes are counted together, so one worker's would be all of
    another's that it may have, and a user's processes may end each other.
    """
    try:
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    except OSError:
        if user == _NOBODY:
            raise
        _become(_NOBODY)


def others_can_read(paths: Sequence[Path]) -> bool:
    """Whether another user could reach these paths: /root and locked homes are in the way."""
    every = {parent for path in paths for parent in [*path.resolve().parents]}
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in every)


def renounce_files(own: list[Path], cache: Path, extras: Extras) -> None:
    """Landlock: read the system and the compile cache, write one's own directories."""
    nodes = [f"/dev/{name}" for name in _DEVICES]
    writable = [Path(path) for path in (*nodes, *extras.devices, *extras.channels)]
    if extras.devices:
        writable.append(Path("/proc/self"))
    landlock.restrict([*readable_paths(extras.tools), Path("/proc"), cache], [*own, *writable])


def raise_loopback() -> None:
    """Let processes of this network namespace, which has no other device, talk to each other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))


def renounce_calls(internet: bool = False) -> None:
    """Seccomp, where this architecture's numbers are known; `internet` leaves those sockets."""
    if seccomp.supported():
        seccomp.install(internet)


def limit(limits: Limits, extras: Extras) -> None:
    """Resource limits; memory is counted from what the interpreter has mapped already."""
    memory = resource.RLIMIT_DATA if extras.devices else resource.RLIMIT_AS
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    for kind, value in (
        (memory, pages * resource.getpagesize() + limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NPROC, limits.processes),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))


def _bind(handle: int, target: str) -> None:
    if stat.S_ISDIR(os.fstat(handle).st_mode):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        open(target, "a").close()
    _mount(f"/proc/self/fd/{handle}", target, "", _MS_BIND | _MS_REC)


def _read_only(path: str) -> None:
    attributes = struct.pack("QQQQ", _ATTR_RDONLY, 0, 0, 0)
    _syscall(_MOUNT_SETATTR, _AT_FDCWD, path.encode(), _AT_RECURSIVE, attributes, len(attributes))


def _mount_private(root: str, proc_flags: int) -> None:
    for name in ("proc", "tmp", "dev/shm"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    os.makedirs(f"{root}/dev", exist_ok=True)
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(f"/proc/self/{target}", f"{root}/dev/{name}")
    options = f"mode=1777,size={_SCRATCH_BYTES}"
    _mount("proc", f"{root}/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC | proc_flags)
    _mount("tmpfs", f"{root}/tmp", "tmpfs", _MS_NOSUID | _MS_NODEV, options)
    _mount("tmpfs", f"{root}/dev/shm", "tmpfs", _MS_NOSUID | _MS_NODEV, options)


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    _call("mount", source.encode(), target.encode(), kind.encode(), flags, options.encode())


def _call(name: str, *arguments: bytes | int) -> int:
    function: Callable[..., int] = getattr(_libc, name)
    return _checked(function(*map(_c_type, arguments)), name, arguments)


def _syscall(*arguments: bytes | int) -> int:
    return _checked(_libc.syscall(*map(_c_type, arguments)), "syscall", arguments)


def _c_type(value: bytes | int) -> object:
    return ctypes.c_long(value) if isinstance(value, int) else value


def _checked(result: int, name: str, arguments: tuple[bytes | int, ...]) -> int:
    if result < 0:
        code = ctypes.get_errno()
        detail = " ".join(a.decode(errors="replace") for a in arguments if isinstance(a, bytes))
        raise OSError(code, f"{name} {detail[:120]}: {os.strerror(code)}")
    return result
