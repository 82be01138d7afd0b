"""Copies JetStream's streams as they are, sequence numbers included, by the server's own snapshots."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

import nats.errors
from nats.aio.client import Client
from nats.aio.subscription import Subscription

from app.backup.manifest import StreamState, new_private
from core.errors import StreamUnavailable

_API = "$JS.API.STREAM"
_CHUNK_BYTES = 2**17
_ANSWER_WITHIN_S = 30.0
_STATUS = "Status"
_END = "204"

_Answer = dict[str, object]


async def copy_stream(connection: Client, name: str, target: Path, copied: Callable[[int], None]) -> StreamState:
    """Write a stream's snapshot into a new file, and what it is into one beside it; returns what the stream held."""
    inbox = connection.new_inbox()
    chunks = await connection.subscribe(inbox)
    try:
        order = {"deliver_subject": inbox, "no_consumers": True, "chunk_size": _CHUNK_BYTES}
        answer = await _ask(connection, f"{_API}.SNAPSHOT.{name}", json.dumps(order).encode(), name)
        with new_private(description_of(target)) as file:
            file.write(json.dumps({"config": answer["config"], "state": answer["state"]}).encode())
        with new_private(target) as file:
            while chunk := await _next(chunks, name):
                file.write(chunk)
                copied(len(chunk))
    finally:
        await chunks.unsubscribe()
    return _state(answer)


async def restore_stream(connection: Client, source: Path, restored: Callable[[int], None]) -> StreamState:
    """Make a stream of its snapshot, where there is none of its name yet; returns what it holds."""
    described = cast("_Answer", json.loads(description_of(source).read_bytes()))
    name = str(cast("_Answer", described["config"])["name"])
    answer = await _ask(connection, f"{_API}.RESTORE.{name}", json.dumps(described).encode(), name)
    target = str(answer["deliver_subject"])
    with source.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            await connection.request(target, chunk, timeout=_ANSWER_WITHIN_S)
            restored(len(chunk))
    # An empty message is the end; what the stream has become is the answer to it.
    return _state(await _ask(connection, target, b"", name))


def description_of(snapshot: Path) -> Path:
    """The file beside a snapshot that says how its stream is set up."""
    return snapshot.with_suffix(".json")


async def _ask(connection: Client, subject: str, request: bytes, stream: str) -> _Answer:
    try:
        answer = cast("_Answer", json.loads((await connection.request(subject, request, timeout=_ANSWER_WITHIN_S)).data))
    except (nats.errors.Error, TimeoutError) as error:
        raise StreamUnavailable(f"NATS does not answer about the stream {stream}: {str(error) or type(error).__name__}.") from error
    if refusal := cast("_Answer | None", answer.get("error")):
        raise StreamUnavailable(f"NATS refuses what concerns the stream {stream}: {refusal.get('description')}.")
    return answer


async def _next(chunks: Subscription, stream: str) -> bytes:
    """The next chunk, empty at the end. The server sends further ones as they are acknowledged."""
    try:
        message = await chunks.next_msg(_ANSWER_WITHIN_S)
    except (nats.errors.Error, TimeoutError) as error:
        raise StreamUnavailable(f"NATS stopped sending the stream {stream}.") from error
    if (status := (message.headers or {}).get(_STATUS, _END)) != _END:
        raise StreamUnavailable(f"NATS stopped sending the stream {stream}: status {status}.")
    if message.reply:
        await message.respond(b"")
    return message.data


def _state(answer: _Answer) -> StreamState:
    state = cast("dict[str, int]", answer["state"])
    return StreamState(state["messages"], state["first_seq"], state["last_seq"])
