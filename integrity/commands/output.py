"""Where a command's words go: reports to stdout or a file, progress to a terminal."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from integrity.errors import BadInput
from integrity.request import Progress


def check_writable(option: str, target: Path | None) -> None:
    """Refuse a file that could not be written, before an audit is spent on it.

    Raises:
        BadInput: its folder is missing or read-only, or it is a folder itself.
    """
    if target is None:
        return
    folder = target.resolve().parent
    if target.is_dir():
        raise BadInput(f"{option} {target} is a directory; name a file in it")
    if not folder.is_dir():
        raise BadInput(f"{option} {target}: {folder} does not exist; create it first")
    if not os.access(target if _is_special(target) else folder, os.W_OK):
        raise BadInput(f"{option} {target} can't be written; choose another place")


def write(text: str, target: Path | None) -> None:
    """Print the report, or put it in a file that is either complete or untouched."""
    if target is None:
        _print(text)
    elif _is_special(target):
        target.write_text(text, encoding="utf-8")
    else:
        _replace(target.resolve(), text)


def _print(text: str) -> None:
    # A C locale must not turn a report into an encoding error.
    encoding = sys.stdout.encoding or "ascii"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()


def _is_special(target: Path) -> bool:
    """A device or a pipe: replacing it would break it."""
    return target.exists() and not target.is_file()


def _replace(target: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o666 & ~_umask())  # mkstemp's 0600 is for secrets
        os.replace(name, target)
    except BaseException as error:
        with suppress(FileNotFoundError):
            os.unlink(name)
        if isinstance(error, OSError):
            raise BadInput(f"{target} can't be written: {error.strerror}") from error
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def progress() -> Iterator[Progress]:
    """A line on stderr that says what is going on; nothing where nobody watches."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda step: None
        return
    try:
        yield lambda step: _overwrite(f"  {step[:76]}")
    finally:
        _overwrite("")


def _overwrite(line: str) -> None:
    sys.stderr.write(f"\r\x1b[2K{line}")
    sys.stderr.flush()
