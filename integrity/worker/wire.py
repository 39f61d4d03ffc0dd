"""Framing between supervisor, zygote and workers: length-prefixed JSON and descriptors.

Never pickle: the peer may be hostile. A message is one JSON object of at most `MAX_BYTES`.
"""

import array
import json
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

MAX_BYTES = 16 * 2**20
_HEADER = struct.Struct("!I")
MAX_DESCRIPTORS = 250

Message = dict[str, Any]


class WireError(Exception):
    """The peer closed the connection or sent what is not a message."""


def send(peer: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send one message; the descriptors travel with its header."""
    body = json.dumps(message).encode()
    if len(body) > MAX_BYTES:
        raise WireError(f"message of {len(body)} bytes")
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    try:
        peer.sendmsg([_HEADER.pack(len(body))], rights if descriptors else [])
        peer.sendall(body)
    except OSError as error:
        raise WireError(str(error)) from error


def receive(peer: socket.socket, timeout_s: float | None = None) -> tuple[Message, list[int]]:
    """The next message and the descriptors that came with it.

    Raises:
        WireError: end of stream, or bytes that are not a JSON object of sane size.
        TimeoutError: `timeout_s` passed before the whole of it was here; where that is None, the
            socket's own time-out passed without a byte.
    """
    until = None if timeout_s is None else time.monotonic() + timeout_s
    _wait_at_most(peer, until)
    header, descriptors = _header(peer, until)
    (size,) = _HEADER.unpack(header)
    if size > MAX_BYTES:
        raise WireError(f"peer announces {size} bytes")
    try:
        message = json.loads(_exactly(peer, size, until))
    except (ValueError, RecursionError) as error:
        raise WireError("peer sent something that is not JSON") from error
    if not isinstance(message, dict):
        raise WireError("peer sent JSON that is not an object")
    return message, descriptors


def _wait_at_most(peer: socket.socket, until: float | None) -> None:
    """A peer that sends a byte now and then must not hold its reader for ever."""
    if until is not None:
        peer.settimeout(max(until - time.monotonic(), 0.001))


def _header(peer: socket.socket, until: float | None) -> tuple[bytes, list[int]]:
    try:
        start, ancillary, _, _ = peer.recvmsg(
            _HEADER.size, socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize)
        )
    except ConnectionError as error:
        raise WireError(str(error)) from error
    descriptors = array.array("i")
    for level, kind, raw in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(raw[: len(raw) - len(raw) % descriptors.itemsize])
    if not start:
        raise WireError("peer closed the connection")
    return start + _exactly(peer, _HEADER.size - len(start), until), list(descriptors)


def _exactly(peer: socket.socket, size: int, until: float | None) -> bytes:
    chunks = bytearray()
    while len(chunks) < size:
        _wait_at_most(peer, until)
        try:
            chunk = peer.recv(min(size - len(chunks), 1 << 20))
        except ConnectionError as error:
            raise WireError(str(error)) from error
        if not chunk:
            raise WireError("peer closed the connection")
        chunks += chunk
    return bytes(chunks)
