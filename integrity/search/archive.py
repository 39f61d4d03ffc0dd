"""The archive of a search: append-only, content-addressed, safe against a crash at any moment.

    search.json     what was asked: the same search and no other may go on here
    log.jsonl       a line a step: {"n", "kind", "key", "body", "chain"}
    files/ab/cd...  texts by SHA-256: kernels, prompts, frozen evidence

A line is written by one call and synced before anything is built on it; files are synced and
renamed before a line names them. What a kill leaves of a line is cut off when the archive is
opened again. `chain` is the digest of the line and the chain before it, so that an edit shows.
"""

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from integrity.errors import BadInput

Body = dict[str, Any]
FORMAT = 3
"""Format 2 added screenings and sizes that no proposer sees."""


class Missing(Exception):
    """A step that nobody recorded."""


class Record:
    """An archive to read: its steps by kind and key, its texts by digest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._steps: dict[tuple[str, str], Body] = {}

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What was recorded so far.

        Raises:
            BadInput: there is no archive, or a line was changed after it was written.
        """
        record = cls(folder)
        record._steps = {(kind, key): body for kind, key, body in steps_of(folder)}
        return record

    def step(self, kind: str, key: str, make: Callable[[], Body]) -> Body:
        """What was recorded under that name; `make` is for those who may write.

        Raises:
            Missing: nothing was.
        """
        try:
            return self._steps[kind, key]
        except KeyError:
            raise Missing(f"{kind} {key}") from None

    def knows(self, kind: str, key: str) -> bool:
        """Whether that step was recorded."""
        return (kind, key) in self._steps

    def put(self, text: str) -> str:
        """Keep a text; its digest is its name. Who only reads keeps nothing."""
        return digest_of(text)

    def get(self, digest: str) -> str:
        """A text that was kept."""
        return text_of(self.folder, digest)


class Archive(Record):
    """Open for one search at a time; steps that are in it already are not made again."""

    def __init__(self, folder: Path, header: Mapping[str, Any]) -> None:
        super().__init__(folder)
        self._header = {"format": FORMAT, **header}
        self._chain = ""
        self.resumed = 0
        """Steps that were there when it was opened."""

    def __enter__(self) -> Self:
        try:
            (self.folder / "files").mkdir(parents=True, exist_ok=True)
            self._log = os.open(self.folder / "log.jsonl", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._lock()
            self._agree()
            self._recover()
        except BaseException:
            os.close(self._log)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._log)

    def step(self, kind: str, key: str, make: Callable[[], Body]) -> Body:
        """What was recorded under that name; made and recorded where nothing was.

        Raises:
            BadInput: it can't be written; everything before it is intact.
        """
        known = self._steps.get((kind, key))
        if known is None:
            known = make()
            self._append(kind, key, known)
        return known

    def put(self, text: str) -> str:
        """Keep a text; its digest is its name.

        Raises:
            BadInput: it can't be written.
        """
        digest = digest_of(text)
        place = _place(self.folder, digest)
        if not place.exists():
            try:
                place.parent.mkdir(exist_ok=True)
                _write_whole(place, text.encode("utf-8", "surrogatepass"))
            except OSError as error:
                raise self._unwritable(error) from error
        return digest

    def _lock(self) -> None:
        try:
            fcntl.flock(self._log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(
                f"another search is writing to {self.folder}; wait for it or name another --archive"
            ) from None

    def _agree(self) -> None:
        """The header is written once, and must be the same ever after."""
        place = self.folder / "search.json"
        if not place.exists():
            try:
                _write_whole(place, _canonical(self._header).encode())
            except OSError as error:
                raise self._unwritable(error) from error
            return
        found = header_of(self.folder)
        if different := sorted(
            name for name in {*found, *self._header} if found.get(name) != self._header.get(name)
        ):
            name = different[0]
            raise BadInput(
                f"the archive {self.folder} belongs to another search: its {name} is "
                f"{found.get(name)!r}, not {self._header.get(name)!r}; name another --archive"
            )

    def _recover(self) -> None:
        """Read what is there, and cut off what a crash left of a last line."""
        good = 0
        for line, record in _read(self.folder):
            self._steps[record["kind"], record["key"]] = record["body"]
            self._chain = record["chain"]
            good += len(line)
        os.ftruncate(self._log, good)
        os.lseek(self._log, good, os.SEEK_SET)
        self.resumed = len(self._steps)

    def _append(self, kind: str, key: str, body: Body) -> None:
        record = {"n": len(self._steps), "kind": kind, "key": key, "body": body}
        chain = _chained(self._chain, record)
        line = (_canonical({**record, "chain": chain}) + "\n").encode()
        start = os.lseek(self._log, 0, os.SEEK_CUR)
        try:
            if os.write(self._log, line) != len(line):
                raise OSError(28, "No space left on device")
            os.fsync(self._log)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._log, start)
                os.lseek(self._log, start, os.SEEK_SET)
            raise self._unwritable(error) from error
        self._chain = chain
        self._steps[kind, key] = json.loads(_canonical(body))

    def _unwritable(self, error: OSError) -> BadInput:
        return BadInput(
            f"the archive {self.folder} can't be written: {error.strerror}; everything in it is "
            "intact: make room, then run the same command again"
        )


def digest_of(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def steps_of(folder: Path) -> list[tuple[str, str, Body]]:
    """Kind, key and body of every whole step in an archive, in order.

    Raises:
        BadInput: there is no archive, or a line was changed after it was written.
    """
    return [(record["kind"], record["key"], record["body"]) for _, record in _read(folder)]


def header_of(folder: Path) -> Body:
    """What the archive's search was asked.

    Raises:
        BadInput: there is no archive there.
    """
    try:
        header = json.loads((folder / "search.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{folder} holds no archive of a search (no readable search.json)"
        ) from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise BadInput(f"{folder} was written by another version of this tool")
    return header


def text_of(folder: Path, digest: str) -> str:
    """A text by its digest.

    Raises:
        BadInput: it is missing, or not what its name says.
    """
    try:
        raw = _place(folder, digest).read_bytes()
    except OSError as error:
        raise BadInput(f"{folder}: the text {digest[:12]} is missing") from error
    if hashlib.sha256(raw).hexdigest() != digest:
        raise BadInput(f"{folder}: the text {digest[:12]} was changed after it was written")
    return raw.decode("utf-8", "surrogatepass")


def _read(folder: Path) -> Iterator[tuple[bytes, Body]]:
    """Every whole line and what it says. Only the last may be in pieces."""
    try:
        lines = (folder / "log.jsonl").read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise BadInput(f"{folder} holds no archive of a search (no log.jsonl)") from error
    chain = ""
    for number, line in enumerate(lines):
        try:
            record = json.loads(line) if line.endswith(b"\n") else None
        except ValueError:
            record = None
        if record is None and number == len(lines) - 1:
            return
        if not isinstance(record, dict) or record.pop("chain", "") != _chained(chain, record):
            raise BadInput(
                f"{folder}/log.jsonl: line {number + 1} was changed after it was written"
            )
        chain = _chained(chain, record)
        yield line, {**record, "chain": chain}


def _chained(before: str, record: Mapping[str, Any]) -> str:
    text = before + _canonical(record)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _place(folder: Path, digest: str) -> Path:
    return folder / "files" / digest[:2] / digest[2:]


def _write_whole(place: Path, raw: bytes) -> None:
    """All of it or nothing, on the disk when this returns."""
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, place)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
