"""Landlock: which files a process may read and write, and no network, by its own renunciation."""

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same numbers on every architecture
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_FILE_ONLY = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14  # 14: truncate


def abi() -> int:
    """The kernel's Landlock version; 0 where it has none."""
    return max(0, int(_libc().syscall(_CREATE, None, 0, 1)))


def restrict(readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """Renounce all file access but these trees; from ABI 4 on TCP, from 6 on foreign signals.

    Raises:
        OSError: the kernel has no Landlock, or refuses.
    """
    version = abi()
    if version < 1:
        raise OSError("this kernel has no Landlock")
    every = _access(version)
    network = 0b11 if version >= 4 else 0
    scopes = 0b11 if version >= 6 else 0
    attributes = struct.pack("QQQ", every, network, scopes)[: _attribute_size(version)]
    ruleset = _checked(_libc().syscall(_CREATE, attributes, len(attributes), 0))
    try:
        for path in readable:
            _allow(ruleset, path, _READ)
        for path in writable:
            _allow(ruleset, path, every)
        _checked(_libc().syscall(_RESTRICT, ruleset, 0))
    finally:
        os.close(ruleset)


def _access(version: int) -> int:
    bits = 13 + (version >= 2) + (version >= 3) + (version >= 5)
    return (1 << bits) - 1


def _attribute_size(version: int) -> int:
    return 8 * (1 + (version >= 4) + (version >= 6))


def _allow(ruleset: int, path: Path, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        allowed = access if path.is_dir() else access & _FILE_ONLY
        rule = struct.pack("=Qi", allowed, descriptor)
        _checked(_libc().syscall(_ADD, ruleset, _PATH_BENEATH, rule, 0))
    finally:
        os.close(descriptor)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
