"""A clean process with torch loaded that forks one sandboxed worker per request.

Trusted: it never holds a submission. Forking saves every worker the second that importing torch
takes. Chain of a worker: zygote -> keeper (leaves the namespaces) -> init (PID 1) -> worker; each
is killed when the one before it dies, and the zygote ends when the supervisor's socket closes.
"""

import contextlib
import json
import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from integrity.tracers.process import ProcessTree
from integrity.worker import sandbox, wire

_CONTROL, _STATUS = 3, 4


def main(channel: int, device: str) -> None:
    """Serve spawn requests on that descriptor until the supervisor hangs up."""
    sandbox.die_with_parent()
    sandbox.become_subreaper()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to handle
    supervisor = socket.socket(fileno=channel)
    _import_torch(device)
    wire.send(supervisor, {"ready": True})
    _serve(supervisor)


def _serve(supervisor: socket.socket) -> None:
    while True:
        try:
            request, descriptors = wire.receive(supervisor)
        except wire.WireError:
            _bury(os.getpid())
            return
        if "spawn" in request:
            pid = _spawn(request["spawn"], descriptors)
            wire.send(supervisor, {"pid": pid})
        elif "fork" in request:
            wire.send(supervisor, {"pid": _fork(supervisor, descriptors[0])})
        else:
            wire.send(supervisor, {"killed": _kill(request["kill"])})


def _fork(supervisor: socket.socket, channel: int) -> int:
    """Another one like this, which serves that descriptor."""
    pid = os.fork()
    if pid:
        os.close(channel)
        return pid
    try:
        supervisor.close()
        sandbox.die_with_parent()
        sandbox.become_subreaper()
        _serve(socket.socket(fileno=channel))
    finally:
        os._exit(0)


def _import_torch(device: str) -> None:
    """Once, here, for every worker: inside the sandbox this package can't be imported.

    CUDA itself is left alone: who has started it can't fork.
    """
    if device == "cuda":
        from integrity.worker import cuda  # noqa: F401

        with contextlib.suppress(ImportError):
            import triton  # noqa: F401
    else:
        from integrity.worker import cpu  # noqa: F401


def _kill(keepers: Sequence[int]) -> int:
    """End workers and all that they started, side by side, and wait until they are gone."""
    for keeper in keepers:
        _strike(keeper)
    for keeper in keepers:
        _bury(keeper)
        with contextlib.suppress(ProcessLookupError):
            os.kill(keeper, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(keeper, 0)
    return len(keepers)


def _strike(root: int) -> list[int]:
    """Kill everything that is below a process now; and what that was."""
    living = ProcessTree(root).pids()
    for pid in reversed(living):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return living


def _bury(root: int) -> None:
    """Kill everything below a process, again and again: a fork bomb outruns one pass.

    Orphans come to the zygote, which reaps them: nobody else has to.
    """
    for _ in range(1000):
        living = _strike(root)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not living:
            return


def _spawn(request: wire.Message, descriptors: list[int]) -> int:
    pid = os.fork()
    if pid:
        for descriptor in descriptors:
            os.close(descriptor)
        return pid
    try:
        _keep(request, *descriptors)
    except BaseException as error:
        _say(descriptors[1], {"sandbox_error": f"{type(error).__name__}: {error}"})
    finally:
        os._exit(70)


def _keep(request: wire.Message, control: int, status: int) -> NoReturn:
    sandbox.die_with_parent()
    os.setsid()
    os.sched_setaffinity(0, request["cores"])
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.dup2(control, 13)
    os.dup2(status, 14)
    os.dup2(13, _CONTROL)
    os.dup2(14, _STATUS)
    os.closerange(5, 1 << 16)
    if request["isolation"] == "namespaces":
        sandbox.unshare_namespaces()
    init = os.fork()
    if init == 0:
        try:
            _init(request)
        except BaseException as error:
            _say(_STATUS, {"sandbox_error": f"{type(error).__name__}: {error}"})
        finally:
            os._exit(70)
    os.close(_CONTROL)
    os.close(_STATUS)
    os.waitpid(init, 0)
    os._exit(0)


def _init(request: wire.Message) -> NoReturn:
    sandbox.die_with_parent()
    os.umask(0o022)
    match request["isolation"]:
        case "namespaces":
            if request["loopback"]:
                sandbox.raise_loopback()
            sandbox.build_root(request["cache"], request["cache_writable"], _extras(request))
            sandbox.drop_privileges(as_another=True, extras=_extras(request))
        case "landlock":
            os.chdir(request["scratch"])
            extras = _extras(request)
            readable = [*sandbox.readable_paths(extras.tools), Path(request["scratch"])]
            sandbox.drop_privileges(sandbox.others_can_read(readable), extras)
            sandbox.become_subreaper()
        case "none":
            os.chdir(request["scratch"])
            sandbox.become_subreaper()
        case other:
            raise ValueError(f"no isolation {other!r}")
    worker = os.fork()
    if worker == 0:
        _work(request)
    os.close(_CONTROL)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == worker:
            _say(_STATUS, {"status": status})
            os._exit(0)


def _work(request: wire.Message) -> NoReturn:
    from integrity.worker.serve import serve

    try:
        _enter(request)
    except BaseException as error:
        _say(_STATUS, {"sandbox_error": f"{type(error).__name__}: {error}"})
        os._exit(70)
    os.close(_STATUS)
    serve(socket.socket(fileno=_CONTROL), request)
    os._exit(0)


def _enter(request: wire.Message) -> None:
    sandbox.die_with_parent()
    if request["isolation"] == "landlock":
        scratch, cache = Path(request["scratch"]), Path(request["cache"])
        own = [scratch, cache] if request["cache_writable"] else [scratch]
        sandbox.renounce_files(own, cache, _extras(request))
    if request["isolation"] != "none":
        inside = request["loopback"] and request["isolation"] == "namespaces"
        sandbox.renounce_calls(internet=inside)
    sandbox.limit(sandbox.Limits(**request["limits"]), _extras(request))


def _extras(request: wire.Message) -> sandbox.Extras:
    return sandbox.Extras(**{name: tuple(paths) for name, paths in request["extras"].items()})


def _say(status: int, message: wire.Message) -> None:
    with contextlib.suppress(OSError):
        os.write(status, json.dumps(message).encode() + b"\n")
