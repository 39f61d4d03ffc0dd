"""Runs a kernel once more below a tool that watches whole processes: see `worker.bare`.

The tool, its log and the submission share a sandbox: what it says may be forged, and can only
speak against the submission.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from integrity.worker import loading, wire

_LOG = "log"
_MOST = 1 << 20


def run(message: wire.Message, scratch: Path) -> wire.Message:
    """Start `message["tool"]` with that call as its target; the supervisor minds the time."""
    folder = scratch / "wrapped"
    for name, text in message["files"].items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    loading.write_modules(message["modules"], folder / "modules")
    (folder / "task.json").write_text(json.dumps(message["task"]))
    log = folder / _LOG
    tool = [word.replace("{log}", str(log)) for word in message["tool"]]
    target = [sys.executable, "-B", "-m", "integrity.worker.bare", str(folder / "task.json")]
    environment = {
        **os.environ,
        **message["environment"],
        "PYTHONPATH": f"{folder}:{folder / 'modules'}",
    }
    done = subprocess.run(
        [*tool, *target], cwd=folder, env=environment, capture_output=True, check=False
    )
    said = log.read_bytes()[-_MOST:] if log.is_file() else b""
    printed = (done.stdout + done.stderr)[-_MOST // 16 :]
    return {
        "said": said.decode(errors="replace"),
        "printed": printed.decode(errors="replace"),
        "status": done.returncode,
    }
