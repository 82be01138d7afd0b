"""A bucket that its server lost, and one that doesn't answer."""

import asyncio
import os
from pathlib import Path

import psutil
import pytest
from nats.aio.client import Client
from nats.js.kv import KeyValue

from app.backends import Backends, open_nats
from app.embedded.folder import open_folder
from app.migrate import migrate_jetstream, open_bucket
from core.bucket import Bucket
from core.errors import BucketUnavailable
from core.settings import Settings
from services.capture.cookieless.degradations import Degradations
from services.capture.cookieless.salts import Salts
from visiting import NOON, TODAY


async def test_a_bucket_in_memory_comes_back_after_the_server_was_killed_and_salts_with_it(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "NATS_URL": ""})
    async with open_folder(tmp_path) as folder, open_nats(settings, folder) as nats:
        await migrate_jetstream(nats.jetstream(), settings)
        salts, cold = (Salts(bucket(nats, settings), Degradations(), confirmed_for_s=0) for _ in range(2))
        before = await salts.of(TODAY, NOON)

        server().kill()
        await until_reconnected(nats)
        after = await salts.of(TODAY, NOON)

        assert after == before == await cold.of(TODAY, NOON)


async def test_a_server_that_is_gone_is_noticed_at_once(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "NATS_URL": ""})
    async with open_folder(tmp_path) as folder, open_nats(settings, folder) as nats:
        gone = bucket(nats, settings)
        await gone.create("key", b"value")
        await nats.close()

        with pytest.raises(BucketUnavailable, match="not connected"):
            await gone.get("key")


async def test_one_that_did_not_answer_is_left_alone_for_a_moment(backends: Backends) -> None:
    asked: list[str] = []

    async def opened() -> KeyValue:
        asked.append("once")
        await asyncio.Event().wait()
        raise AssertionError

    silent = Bucket(backends.nats, opened, timeout_s=0.01)

    for _ in range(3):
        with pytest.raises(BucketUnavailable, match="does not answer"):
            await silent.get("key")

    assert asked == ["once"]


def bucket(nats: Client, settings: Settings) -> Bucket:
    return Bucket(nats, lambda: open_bucket(nats.jetstream(), settings, "COOKIELESS_SALTS"))


def server() -> psutil.Process:
    """The server that was started last."""
    children = psutil.Process(os.getpid()).children()
    return max((child for child in children if child.name() == "nats-server"), key=lambda child: child.create_time())


async def until_reconnected(nats: Client) -> None:
    before = nats.stats["reconnects"]
    for _ in range(300):
        if nats.stats["reconnects"] > before and nats.is_connected:
            return
        await asyncio.sleep(0.05)
    pytest.fail("the server did not come back")
