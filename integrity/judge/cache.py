"""Answers that were paid for, by what was asked. Holds no key, no path and no fence."""

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from integrity.testimony import Reply

NONE = "none"
ADAPTER = TypeAdapter(Reply)


class Cache:
    """A folder of replies; None keeps nothing. What can't be read was never there."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def get(self, key: str) -> Reply | None:
        if self._folder is None:
            return None
        try:
            return ADAPTER.validate_json((self._folder / f"{key}.json").read_bytes())
        except (OSError, ValidationError):
            return None

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply; it appears whole or not at all."""
        if self._folder is None:
            return
        partial = self._folder / f".{key}.{os.getpid()}"
        with suppress(OSError):  # a full or read-only disk costs a second question, nothing else
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial.write_bytes(ADAPTER.dump_json(reply))
            partial.replace(self._folder / f"{key}.json")


def key(parts: Sequence[object]) -> str:
    """The name of an answer: everything that it depends on, but for the random marks."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def folder(setting: str) -> Path | None:
    """Where answers are kept: as set, or in the user's cache folder."""
    if setting == NONE:
        return None
    if setting:
        return Path(setting)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "kernel-integrity" / "judge"
