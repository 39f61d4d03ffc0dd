"""A hostile worker that reaches for what is not its own gets nothing."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from supervised import run_calls, told_inside, worker_of

from integrity.errors import BadInput
from integrity.run import Role
from integrity.supervision.endings import WorkerDied, WorkerRaised
from integrity.supervision.platform import Platform
from integrity.supervision.workers import Zygote
from integrity.tracers.process import ProcessTree

ENFORCED = ["namespaces", "landlock"]


@pytest.fixture(scope="module", params=ENFORCED)
def zygote(request: pytest.FixtureRequest) -> Iterator[Zygote]:
    os.environ["INTEGRITY_TEST_SECRET"] = "s3cret"
    try:
        with Zygote(request.param) as started:
            yield started
    except BadInput as reason:
        pytest.skip(str(reason))
    finally:
        del os.environ["INTEGRITY_TEST_SECRET"]


def test_no_secret_of_the_user_is_in_its_environment(zygote: Zygote) -> None:
    told = told_inside(zygote, "import os; raise AssertionError(sorted(os.environ))")
    assert "PATH" in told
    assert "SECRET" not in told
    assert "KEY" not in told


def test_it_holds_no_descriptor_but_its_socket(zygote: Zygote) -> None:
    told = told_inside(
        zygote,
        """
        import os
        links = [os.readlink(f"/proc/self/fd/{n}") for n in range(64)
                 if os.path.lexists(f"/proc/self/fd/{n}")]
        raise AssertionError(sorted(link.split(":")[0] for link in links))
        """,
    )
    assert told == "AssertionError: ['/dev/null', '/dev/null', '/dev/null', 'socket']"


@pytest.mark.parametrize(
    "where",
    ["/etc/x", "/usr/x", "/x", "/root/x", "/home/x", "/proc/sys/kernel/core_pattern", "/dev/shm/x"],
)
def test_it_can_write_nowhere_that_outlives_it(zygote: Zygote, where: str) -> None:
    told_inside(zygote, f"open({where!r}, 'w').write('|/bin/false')")
    if not where.startswith("/proc"):
        assert not Path(where).exists()
    else:
        assert Path(where).read_text().strip() != "|/bin/false"


@pytest.mark.parametrize("place", ["/root", "/home", str(Path(__file__).parent), "/var"])
def test_it_can_read_no_file_of_the_user(zygote: Zygote, place: str, tmp_path: Path) -> None:
    told = told_inside(
        zygote,
        f"""
        import os
        raise AssertionError([name for name in os.listdir({place!r}) if name != ".pyenv"])
        """,
    )
    assert told.startswith(("FileNotFoundError", "PermissionError", "AssertionError: []"))


def test_it_reaches_no_network(zygote: Zygote) -> None:
    for call in ("socket.socket()", "socket.create_connection(('127.0.0.1', 22), 1)"):
        assert told_inside(zygote, f"import socket; {call}").startswith("PermissionError")


def test_it_can_neither_trace_nor_read_another_process(zygote: Zygote) -> None:
    told = told_inside(
        zygote,
        f"""
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        traced = libc.ptrace(16, {os.getpid()}, 0, 0)
        read = libc.syscall(310, {os.getpid()}, 0, 0, 0, 0, 0)
        space = libc.unshare(0x10000000)
        try:
            memory = open("/proc/{os.getpid()}/mem", "rb") and "opened"
        except OSError:
            memory = "refused"
        raise AssertionError(traced, read, space, memory)
        """,
    )
    assert told == "AssertionError: (-1, -1, -1, 'refused')"


def test_it_can_signal_nobody(zygote: Zygote) -> None:
    victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        told_inside(zygote, f"import os; os.kill({victim.pid}, 9)")
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user's workers are one user")
def test_one_workers_processes_are_not_another_s(zygote: Zygote) -> None:
    """A fork bomb in one must not make another's compiler fail: limits count by user."""
    with worker_of(zygote) as one, worker_of(zygote) as other:
        users = {one.greeting["uid"], other.greeting["uid"]}
    if users == {0}:
        pytest.skip("this interpreter lies where only root may read")
    assert len(users - {0}) == 2


def test_it_has_no_privileges_left(zygote: Zygote) -> None:
    told = told_inside(
        zygote,
        """
        lines = open("/proc/self/status").read().splitlines()
        wanted = ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp:")
        raise AssertionError([line.split()[1] for line in lines if line.startswith(wanted)])
        """,
    )
    none = "0" * 16
    assert told == f"AssertionError: ['{none}', '{none}', '1', '2']"


def test_it_never_sees_the_reference(zygote: Zygote) -> None:
    spying = """
        import gc, os, sys
        found = "reference" in sys.modules
        for folder, _, names in os.walk(os.path.dirname(os.path.dirname(__file__))):
            for name in names:
                if name.endswith(".py"):
                    with open(os.path.join(folder, name), "rb") as file:
                        found |= b"for the ora" + b"cle's eyes" in file.read()
        if found:
            raise AssertionError("found it")
        def kernel(x):
            return 2 * x + 1
        """
    run = run_calls(zygote, spying)
    assert run.deaths == ()
    assert len(list(run.of(Role.SUBMISSION))) == 3


def test_a_fork_bomb_dies_with_its_worker(zygote: Zygote) -> None:
    with worker_of(zygote) as worker:
        load = {
            "do": "load", "modules": {"bomb": "import os\nwhile True: os.fork()"},
            "module": "bomb", "entry": "kernel", "convention": "arguments", "init": [],
            "init_seed": 0, "weights": None,
        }  # fmt: skip
        keeper = worker.tree.root
        with pytest.raises((WorkerDied, WorkerRaised)):
            worker.ask(load, 2.0)
        worker.end()
    assert ProcessTree(keeper).pids() == []


def test_memory_beyond_the_limit_is_refused_not_swapped() -> None:
    with Zygote("auto", Platform(memory_bytes=512 * 2**20)) as small:
        told = told_inside(small, "held = bytearray(2**30)")
    assert told.startswith("MemoryError")


def test_two_workers_share_no_files(zygote: Zygote) -> None:
    told_inside(zygote, "open('/tmp/left-behind', 'w').write('an answer')")
    assert not Path("/tmp/left-behind").exists()
    told = told_inside(zygote, "open('/tmp/left-behind').read()")
    assert told.startswith(("FileNotFoundError", "PermissionError"))


def test_an_unknown_isolation_is_refused_not_taken_for_none() -> None:
    with pytest.raises(BadInput, match="namespaces, landlock, none"), Zygote("chroot"):
        pass


def test_killing_the_supervisor_leaves_no_process_behind() -> None:
    script = (
        "import os, time\n"
        "from integrity.supervision.workers import Zygote\n"
        "with Zygote('auto') as z:\n"
        "    w = z.spawn()\n"
        "    print(z._process.pid, *w.tree.pids(), flush=True)\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pids = [int(word) for word in process.stdout.readline().split()]
    assert len(pids) >= 3
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(map(_alive, pids)):
        time.sleep(0.05)
    assert not any(map(_alive, pids))


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
