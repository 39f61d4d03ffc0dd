"""A daemon of our own, played by a script: it starts, serves and leaves nothing behind."""

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integrity.supervision.cuda import mps
from integrity.supervision.cuda.mps import Mps, MpsUnavailable, available

FAKE = """#!{python} -I
import json, os, signal, socket, subprocess, sys, time
behaviour = {behaviour!r}
pipe, log = os.environ["CUDA_MPS_PIPE_DIRECTORY"], os.environ.get("CUDA_MPS_LOG_DIRECTORY")
if "-f" not in sys.argv:
    orders = sys.stdin.read().split()
    try:
        there = socket.socket(socket.AF_UNIX)
        there.connect(pipe + "/control")
        there.sendall(orders[0].encode())
        print(there.recv(100).decode())
    except OSError:
        sys.exit(1)
    sys.exit(0)
with open(log + "/started.json", "w") as started:
    json.dump({{"argv": sys.argv[1:], "environ": dict(os.environ)}}, started)
if behaviour == "dies":
    print("Failed to find a device", flush=True)
    sys.exit(3)
if behaviour == "rejects options" and len(sys.argv) > 2:
    sys.exit("invalid option " + sys.argv[2])
open(pipe + "/nvidia-cuda-mps-control.pid", "w").write(str(os.getpid()))
if os.fork() == 0:  # a server, no longer the daemon's child
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(log + "/server", "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
os.wait()
while not os.path.exists(log + "/server") or not open(log + "/server").read():
    time.sleep(0.005)
server = int(open(log + "/server").read())
if behaviour == "is silent":
    open(log + "/control.log", "w").write("Startup\\nwaiting for a device\\n")
    time.sleep(600)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
listening = socket.socket(socket.AF_UNIX)
listening.bind(pipe + "/control")
listening.listen()
while True:
    client, _ = listening.accept()
    order = client.recv(100).decode()
    if order == "quit" and behaviour != "ignores quit":
        os.kill(server, signal.SIGKILL)
        os.unlink(pipe + "/nvidia-cuda-mps-control.pid")
        open(log + "/quit", "w").close()
        client.sendall(b"ok")
        sys.exit(0)
    client.sendall(str(server).encode())
    client.close()
"""


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Short, because sockets have short names; and no daemon of the machine's in sight."""
    with tempfile.TemporaryDirectory(prefix="mps-") as folder:
        monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", f"{folder}/default")
        yield Path(folder)


@pytest.fixture
def command(home: Path) -> Callable[[str], str]:
    def written(behaviour: str = "obeys") -> str:
        path = home / "nvidia-cuda-mps-control"
        path.write_text(FAKE.format(python=sys.executable, behaviour=behaviour))
        path.chmod(0o755)
        return str(path)

    return written


def started(home: Path) -> dict[str, dict[str, str]]:
    read: dict[str, dict[str, str]] = json.loads((home / "mps/log/started.json").read_text())
    return read


def alive(pids: tuple[int, ...]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def processes(home: Path) -> list[str]:
    """Command lines of all that has to do with that folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(home / "mps").encode() in words:
            found.append(words.decode(errors="replace"))
    return found


def test_a_daemon_serves_and_all_of_it_is_gone_afterwards(
    home: Path, command: Callable[..., str]
) -> None:
    with Mps(home / "mps", command()) as served:
        pids = served.pids()
        server = int((home / "mps/log/server").read_text())
        assert len(pids) == 2
        assert server in pids
        assert alive(pids) == list(pids)
    assert served.pids() == ()
    assert alive(pids) == []
    assert processes(home) == []
    assert (home / "mps/log/quit").exists()
    assert sorted(path.name for path in home.iterdir()) == ["mps", "nvidia-cuda-mps-control"]


def test_clients_are_told_the_directory_and_another_user_may_enter_it(
    home: Path, command: Callable[..., str]
) -> None:
    before = os.umask(0o077)
    try:
        with Mps(home / "mps", command()) as served:
            assert served.environment == {"CUDA_MPS_PIPE_DIRECTORY": str(home / "mps/pipe")}
    finally:
        os.umask(before)
    for folder in ("mps", "mps/pipe", "mps/log"):
        assert stat.S_IMODE((home / folder).stat().st_mode) == 0o755


def test_a_folder_that_is_there_keeps_its_mode(home: Path, command: Callable[..., str]) -> None:
    (home / "mps").mkdir()
    (home / "mps").chmod(0o1777)
    with Mps(home / "mps", command()):
        pass
    assert stat.S_IMODE((home / "mps").stat().st_mode) == 0o1777


def test_the_daemon_gets_nothing_of_the_users_environment(
    home: Path, command: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/driver")
    with Mps(home / "mps", command()):
        pass
    own = {name: value for name, value in started(home)["environ"].items() if name != "LC_CTYPE"}
    assert own == {
        "PATH": os.environ["PATH"],
        "LD_LIBRARY_PATH": "/opt/driver",
        "CUDA_VISIBLE_DEVICES": "0",
        "CUDA_MPS_PIPE_DIRECTORY": str(home / "mps/pipe"),
        "CUDA_MPS_LOG_DIRECTORY": str(home / "mps/log"),
    }


@pytest.mark.parametrize(
    ("set_to", "passed_on"),
    [
        ("", ""),
        ("0", "0"),
        ("0,1,2", "0,1,2"),
        ("GPU-5a,GPU-7f", "GPU-5a,GPU-7f"),
        ("1", ""),
        ("0,2", ""),
        ("1,0", ""),
        ("-1", ""),
    ],
)
def test_only_devices_that_keep_their_names_are_hidden_from_the_server(
    set_to: str, passed_on: str
) -> None:
    assert mps._visible(set_to) == passed_on


@pytest.mark.parametrize(
    ("multi_user", "options"), [(True, ["-f", "-multiuser-server"]), (False, ["-f"])]
)
def test_several_users_are_served_where_asked_for(
    home: Path, command: Callable[..., str], multi_user: bool, options: list[str]
) -> None:
    with Mps(home / "mps", command(), multi_user=multi_user):
        assert list(started(home)["argv"]) == options


def test_a_daemon_that_does_not_know_the_option_is_unavailable(
    home: Path, command: Callable[..., str]
) -> None:
    with (
        pytest.raises(MpsUnavailable, match="ended at once: invalid option -multiuser-server"),
        Mps(home / "mps", command("rejects options"), multi_user=True),
    ):
        pass
    assert processes(home) == []


def test_a_daemon_that_dies_at_once_is_unavailable_in_its_own_words(
    home: Path, command: Callable[..., str]
) -> None:
    with (
        pytest.raises(MpsUnavailable, match="ended at once: Failed to find a device"),
        Mps(home / "mps", command("dies")),
    ):
        pass
    assert processes(home) == []


def test_a_daemon_that_never_answers_is_ended_and_its_log_quoted(
    home: Path, command: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mps, "_START_PATIENCE_S", 1.0)
    with (
        pytest.raises(MpsUnavailable, match="does not answer: Startup; waiting for a device"),
        Mps(home / "mps", command("is silent")),
    ):
        pass
    assert processes(home) == []


def test_a_daemon_that_ignores_quit_is_killed_with_its_server(
    home: Path, command: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mps, "_QUIT_PATIENCE_S", 0.5)
    with Mps(home / "mps", command("ignores quit")) as served:
        pids = served.pids()
        assert len(pids) == 2
    assert alive(pids) == []
    assert processes(home) == []


def test_a_daemon_that_was_killed_takes_its_server_along(
    home: Path, command: Callable[..., str]
) -> None:
    with Mps(home / "mps", command()) as served:
        pids = served.pids()
        daemon = int((home / "mps/pipe/nvidia-cuda-mps-control.pid").read_text())
        os.kill(daemon, signal.SIGKILL)
    assert alive(pids) == []
    assert processes(home) == []


def test_a_keeper_that_was_killed_leaves_no_daemon(home: Path, command: Callable[..., str]) -> None:
    with Mps(home / "mps", command()) as served:
        assert served._keeper is not None
        daemon = int((home / "mps/pipe/nvidia-cuda-mps-control.pid").read_text())
        server = int((home / "mps/log/server").read_text())
        served._keeper.kill()
    eventually(lambda: not alive((daemon,)))
    os.kill(server, signal.SIGKILL)


def test_a_supervisor_that_was_killed_leaves_no_daemon(
    home: Path, command: Callable[..., str]
) -> None:
    """Not even while a child that it forked holds the keeper's pipe open."""
    program = (
        "import os, pathlib, signal, sys, time\n"
        "from integrity.supervision.cuda.mps import Mps\n"
        f"Mps(pathlib.Path({str(home / 'mps')!r}), {command()!r}).__enter__()\n"
        "if child := os.fork():\n"
        f"    pathlib.Path({str(home / 'child')!r}).write_text(str(child))\n"
        "else:\n"
        "    time.sleep(20); os._exit(0)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    # No pipe to it: its child would hold that open too.
    died = subprocess.run([sys.executable, "-c", program], check=False)
    assert died.returncode == -signal.SIGKILL
    server = int((home / "mps/log/server").read_text())
    eventually(lambda: not alive((server,)))
    eventually(lambda: (home / "mps/log/quit").exists())
    os.kill(int((home / "child").read_text()), signal.SIGKILL)


def test_the_pid_file_decides_nobodys_death(
    home: Path, command: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every client may write to it."""
    monkeypatch.setattr(mps, "_QUIT_PATIENCE_S", 0.5)
    with subprocess.Popen(["sleep", "60"]) as bystander:
        with Mps(home / "mps", command("ignores quit")) as served:
            (home / "mps/pipe/nvidia-cuda-mps-control.pid").write_text(str(bystander.pid))
            assert bystander.pid not in served.pids()
        assert bystander.poll() is None
        bystander.kill()


def test_leaving_twice_does_no_harm(home: Path, command: Callable[..., str]) -> None:
    with Mps(home / "mps", command()) as served:
        served.__exit__(None, None, None)


def test_the_same_folder_serves_again(home: Path, command: Callable[..., str]) -> None:
    for _ in range(2):
        with Mps(home / "mps", command()) as served:
            assert served.pids()
        (home / "mps/pipe/control").unlink()  # the fake does not clear it away
        (home / "mps/log/server").unlink()


def test_a_foreign_daemon_makes_it_unavailable_and_is_left_alone(
    home: Path, command: Callable[..., str]
) -> None:
    pipe, log = home / "default", home / "log"
    pipe.mkdir()
    log.mkdir()
    fake = command()
    environ = {"CUDA_MPS_PIPE_DIRECTORY": str(pipe), "CUDA_MPS_LOG_DIRECTORY": str(log)}
    with subprocess.Popen([fake, "-f"], env=environ) as foreign:
        eventually(lambda: (pipe / "control").exists())
        why = f"another MPS daemon, process {foreign.pid}, serves {pipe}"
        assert available(fake) == why
        with pytest.raises(MpsUnavailable, match=why), Mps(home / "mps", fake):
            pass
        assert foreign.poll() is None
        assert not (home / "mps").exists()
        os.kill(int((log / "server").read_text()), signal.SIGKILL)
        foreign.kill()


def test_a_stale_pid_file_is_no_daemon(home: Path, command: Callable[..., str]) -> None:
    (home / "default").mkdir()
    (home / "default/nvidia-cuda-mps-control.pid").write_text(str(os.getpid()))
    assert available(command()) == ""


def test_without_the_command_it_is_unavailable(home: Path) -> None:
    missing = str(home / "missing")
    assert available(missing) == f"{missing} is not installed"
    with pytest.raises(MpsUnavailable, match="is not installed"), Mps(home / "mps", missing):
        pass


def test_a_folder_too_long_for_a_socket_is_refused(home: Path, command: Callable[..., str]) -> None:
    with (
        pytest.raises(MpsUnavailable, match="no socket can have such a name"),
        Mps(home / ("x" * 90), command()),
    ):
        pass


def eventually(holds: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
