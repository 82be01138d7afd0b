"""Ends connections on which nothing is said.

granian's header timeout starts with the first byte, and it takes so many connections and no more: a few thousand that never say anything
would shut everybody out for ever. It has no handle for a connection either, so they are looked up among the open files of the process.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_EVERY_S = 1.0
# Looking takes a few milliseconds: with few files open, seldom is enough.
_SELDOM = 10
_MANY_FILES = 1_000
_ESTABLISHED = 1
# Of Linux's struct tcp_info: the state, milliseconds since something came, bytes that came.
_TCP_INFO = struct.Struct("=B51xI72xQ")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connection may say nothing."""

    at_first: timedelta = timedelta(seconds=10)
    # Whoever connects to ask something does so at once: when many don't, there is no time to lose.
    at_first_in_a_crowd: timedelta = timedelta(seconds=1)
    crowd: int = 256
    between_requests: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Connection:
    socket: socket.socket
    silent_for: timedelta
    ever_spoke: bool


async def end_silent(port: int, patience: Patience) -> None:
    """Look again and again, until cancelled, for silent connections to a port of this process."""
    ticks = 0
    while True:
        await asyncio.sleep(_EVERY_S)
        ticks += 1
        if ticks % _SELDOM == 0 or len(os.listdir("/proc/self/fd")) > _MANY_FILES:  # noqa: PTH208 (names are all that is wanted)
            # In a thread, because the loop has better things to do than thousands of calls to the system.
            ended = await asyncio.to_thread(sweep, port, patience)
            if ended:
                log.info("silent_connections_ended", connections=ended)


def sweep(port: int, patience: Patience) -> int:
    """End the connections that have been silent for too long; returns how many."""
    connections = list(_connections(port))
    crowded = sum(not each.ever_spoke for each in connections) > patience.crowd
    ended = 0
    for each in connections:
        if each.silent_for >= _allowed(each, patience, crowded=crowded):
            ended += _end(each.socket)
        each.socket.close()
    return ended


def _allowed(connection: _Connection, patience: Patience, *, crowded: bool) -> timedelta:
    if connection.ever_spoke:
        return patience.between_requests
    return patience.at_first_in_a_crowd if crowded else patience.at_first


def _connections(port: int) -> Iterator[_Connection]:
    # All are listed before the first is opened a second time, which would find itself again.
    for number in [int(name) for name in os.listdir("/proc/self/fd") if _is_socket(name)]:  # noqa: PTH208
        try:
            # A second handle: whatever becomes of the first meanwhile, this one stays with the connection it was looked up for.
            handle = os.dup(number)
        except OSError:
            continue
        try:
            candidate = socket.socket(fileno=handle)
        except OSError:
            # Not a socket any more. Left open: closing it could give up a lock the process has on that file.
            continue
        if connection := _connection(candidate, port):
            yield connection
        else:
            candidate.close()


def _is_socket(name: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{name}").startswith("socket:")  # noqa: PTH115 (no path, a name)
    except OSError:
        return False


def _connection(candidate: socket.socket, port: int) -> _Connection | None:
    try:
        if candidate.family not in {socket.AF_INET, socket.AF_INET6} or candidate.getsockname()[1] != port:
            return None
        state, silent_ms, received = _TCP_INFO.unpack(candidate.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size))
    except (OSError, struct.error):
        return None
    return _Connection(candidate, timedelta(milliseconds=silent_ms), received > 0) if state == _ESTABLISHED else None


def _end(connection: socket.socket) -> bool:
    try:
        # The server sees the end of the connection and closes its own handle.
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return False
    return True
