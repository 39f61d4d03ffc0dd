"""The system calls a submission has no business with, refused by the kernel."""

import ctypes
import errno
import platform
import struct

_LD_W_ABS, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCH, _ARG0 = 0, 4, 16
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}
_AF_UNIX, _AF_INET = 1, 2

# name: (x86-64, aarch64); None where the architecture has no such call.
_DENIED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "perf_event_open": (298, 241),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "chroot": (161, 51),
    "setns": (308, 268),
    "unshare": (272, 97),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "syslog": (103, 116),
    "personality": (135, 92),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    # One core is the supervisor's clock; a submission must not move onto it.
    "sched_setaffinity": (203, 122),
}
_AUDIT_ARCH = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_SOCKET, _CLONE, _CLONE3 = (41, 198), (56, 220), (435, 435)
_SECCOMP_CALL = (317, 277)


def supported() -> bool:
    """Whether this architecture's system-call numbers are known here."""
    return platform.machine() in _AUDIT_ARCH


def program(internet: bool = False) -> bytes:
    """The filter as an array of `struct sock_filter`."""
    arch, column = _AUDIT_ARCH[platform.machine()]
    refuse = _ERRNO | errno.EPERM
    lines = [(_LD_W_ABS, 0, 0, _ARCH), (_JEQ, 1, 0, arch), (_RET, 0, 0, _KILL)]
    lines += [(_LD_W_ABS, 0, 0, _NUMBER)]
    if column == 0:  # the x32 numbers would walk round every comparison below
        lines += [(_JGE, 0, 1, 0x40000000), (_RET, 0, 0, refuse)]
    for numbers in _DENIED.values():
        number = numbers[column]
        if number is not None:
            lines += [(_JEQ, 0, 1, number), (_RET, 0, 0, refuse)]
    # clone3 hides its flags behind a pointer; without it glibc falls back to clone.
    lines += [(_JEQ, 0, 1, _CLONE3[column]), (_RET, 0, 0, _ERRNO | errno.ENOSYS)]
    lines += [(_JEQ, 0, 4, _CLONE[column]), (_LD_W_ABS, 0, 0, _ARG0)]
    lines += [(_JSET, 0, 1, _NEW_NAMESPACES), (_RET, 0, 0, refuse), (_RET, 0, 0, _ALLOW)]
    families = (_AF_UNIX, _AF_INET) if internet else (_AF_UNIX,)
    lines += [(_JEQ, 0, 2 + len(families), _SOCKET[column]), (_LD_W_ABS, 0, 0, _ARG0)]
    lines += [(_JEQ, left, 0, family) for left, family in enumerate(reversed(families), 1)][::-1]
    lines += [(_RET, 0, 0, refuse), (_RET, 0, 0, _ALLOW)]
    return b"".join(struct.pack("HBBI", *line) for line in lines)


def install(internet: bool = False) -> None:
    """Filter this process, its threads and all that they start, for good.

    Raises:
        OSError: the kernel has no seccomp filters.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    filters = program(internet)
    code = ctypes.create_string_buffer(filters, len(filters))
    header = struct.pack("HxxxxxxP", len(filters) // 8, ctypes.addressof(code))
    set_mode_filter, tsync = 1, 1
    number = _SECCOMP_CALL[_AUDIT_ARCH[platform.machine()][1]]
    if libc.syscall(number, set_mode_filter, tsync, header) != 0:
        raise OSError(ctypes.get_errno(), "seccomp refused the filter")
