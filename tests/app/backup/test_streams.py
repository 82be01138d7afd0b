import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
from nats.js.api import RetentionPolicy, StreamConfig

from app.backends import Backends
from app.backup.manifest import StreamState
from app.backup.streams import copy_stream, restore_stream
from core.errors import StreamUnavailable

NAME = "COPIED"
LARGE = 2**17


@pytest_asyncio.fixture
async def copied(backends: Backends) -> AsyncGenerator[Backends]:
    """A stream of its own."""
    await backends.jetstream.add_stream(
        StreamConfig(name=NAME, subjects=["copied.>"], retention=RetentionPolicy.WORK_QUEUE, metadata={"pug.partitions": "4"})
    )
    yield backends
    await backends.jetstream.delete_stream(NAME)


def nothing(_count: int) -> None:
    pass


async def test_a_restored_stream_has_the_same_messages_under_the_same_numbers(copied: Backends, tmp_path: Path) -> None:
    sent = [os.urandom(LARGE) for _ in range(40)]
    for number, content in enumerate(sent):
        await copied.jetstream.publish(f"copied.{number}", content, headers={"Nats-Msg-Id": str(number)})
    for sequence in (1, 2, 17):
        await copied.jetstream.delete_msg(NAME, sequence)
    sizes: list[int] = []

    state = await copy_stream(copied.nats, NAME, tmp_path / "copy", sizes.append)
    await copied.jetstream.publish("copied.later", b"")
    await copied.jetstream.delete_stream(NAME)
    restored = await restore_stream(copied.nats, tmp_path / "copy", nothing)

    assert state == restored == StreamState(37, 3, 40)
    for sequence in (3, 16, 18, 40):
        found = await copied.jetstream.get_msg(NAME, sequence)
        assert (found.subject, found.data) == (f"copied.{sequence - 1}", sent[sequence - 1])
    config = (await copied.jetstream.stream_info(NAME)).config
    assert (config.retention, (config.metadata or {})["pug.partitions"]) == (RetentionPolicy.WORK_QUEUE, "4")
    assert (await copied.jetstream.publish("copied.next", b"")).seq == 41
    assert sum(sizes) == (tmp_path / "copy").stat().st_size > 37 * LARGE
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("copy", "copy.json")} == {0o600}


async def test_an_empty_stream_keeps_its_number(copied: Backends, tmp_path: Path) -> None:
    await copied.jetstream.publish("copied.one", b"1")
    await copied.jetstream.purge_stream(NAME)

    await copy_stream(copied.nats, NAME, tmp_path / "copy", nothing)
    await copied.jetstream.delete_stream(NAME)
    restored = await restore_stream(copied.nats, tmp_path / "copy", nothing)

    assert (restored.messages, restored.last_seq) == (0, 1)


async def test_a_stream_that_is_there_is_not_restored_over(copied: Backends, tmp_path: Path) -> None:
    await copy_stream(copied.nats, NAME, tmp_path / "copy", nothing)

    with pytest.raises(StreamUnavailable, match=NAME):
        await restore_stream(copied.nats, tmp_path / "copy", nothing)


async def test_a_stream_that_is_not_there_is_not_copied(backends: Backends, tmp_path: Path) -> None:
    with pytest.raises(StreamUnavailable, match="NOWHERE"):
        await copy_stream(backends.nats, "NOWHERE", tmp_path / "copy", nothing)
