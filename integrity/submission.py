"""The kernel under audit."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from integrity.errors import BadInput

MAX_BYTES = 4 * 2**20
"""Files above this are not read at all; no real kernel comes near it."""


READ_AS_UTF8 = {"", "utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii"}
LATIN = {"latin-1", "latin1", "iso-8859-1", "iso-8859-15", "cp1252"}
"""Encodings that read ASCII bytes as ASCII."""


def declared_encoding(raw: bytes) -> str:
    """The encoding in a coding comment of the first two lines (PEP 263), or an empty string.

    `# coding: utf-7` makes Python read `+AGEAYg-` as `ab`: another text than any reader sees.
    """
    for line in raw.splitlines()[:2]:
        text = line[:200].decode("latin-1").lstrip("\ufeff\xef\xbb\xbf \t\f")
        if text.startswith("#") and "coding" in text:
            rest = text.partition("coding")[2]
            if rest[:1] in {":", "="}:
                word = rest[1:].strip().split()[:1]
                return word[0].rstrip("-*;").lower().replace("_", "-") if word else ""
    return ""


@dataclass(frozen=True, slots=True)
class Submission:
    """Source of one generated kernel. Reading it never runs it."""

    path: Path
    text: str
    digest: str
    """SHA-256 of the file's bytes, in hex: the name reports know it by."""

    unreadable: str = ""
    """Why the bytes are not source text (binary, too large); empty when they are."""

    @property
    def is_cuda(self) -> bool:
        """A whole `.cu` or `.cuh` file instead of Python."""
        return self.path.suffix in {".cu", ".cuh"}

    @classmethod
    def of(cls, text: str, path: Path = Path("kernel.py")) -> "Submission":
        """A submission from text that is already at hand."""
        return cls(path, text, hashlib.sha256(text.encode()).hexdigest())

    @classmethod
    def read(cls, path: Path) -> "Submission":
        """The submission in that file.

        Raises:
            BadInput: there is no such file, it can't be opened, or it is empty.
        """
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
        except IsADirectoryError:
            raise BadInput(
                f"{path} is a directory; name one kernel file, or use `integrity screen {path}`"
            ) from None
        except FileNotFoundError:
            raise BadInput(f"{path} does not exist; check the path") from None
        except OSError as error:
            raise BadInput(f"{path} can't be read: {error.strerror}") from error
        if not raw.strip():
            raise BadInput(f"{path} is empty; there is nothing to audit")
        digest = hashlib.sha256(raw).hexdigest()
        if len(raw) > MAX_BYTES:
            return cls(path, "", digest, f"is larger than {MAX_BYTES // 2**20} MiB")
        if b"\0" in raw:
            return cls(path, "", digest, "contains NUL bytes")
        known = READ_AS_UTF8 | (LATIN if raw.isascii() else set())
        if (encoding := declared_encoding(raw)) not in known:
            return cls(path, "", digest, f"declares the encoding {encoding}, so that Python "
                       "reads other text than a reader sees")  # fmt: skip
        try:
            return cls(path, raw.decode("utf-8-sig"), digest)
        except UnicodeDecodeError as error:
            return cls(path, "", digest, f"is not UTF-8 text (byte {error.start})")
