"""What we rely on of PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select, text
from sqlalchemy.exc import IntegrityError

from app.backends import Backends
from services.accounts.tables import api_keys, orgs, projects


async def new_project(backends: Backends, name: str) -> int:
    async with backends.postgres.begin() as connection:
        org = (await connection.execute(insert(orgs).values(name=name).returning(orgs.c.id))).scalar_one()
        return (await connection.execute(insert(projects).values(org_id=org, name=name).returning(projects.c.id))).scalar_one()


async def test_times_are_in_utc_and_text_is_unicode(backends: Backends) -> None:
    async with backends.postgres.connect() as connection:
        now, zone, upper = (await connection.execute(text("SELECT now(), current_setting('TimeZone'), upper('über')"))).one()

    assert abs(now - datetime.now(UTC)) < timedelta(seconds=30)
    assert (now.utcoffset(), zone, upper) == (timedelta(), "UTC", "ÜBER")


async def test_what_fails_is_taken_back_whole(backends: Backends) -> None:
    async def fail() -> None:
        async with backends.postgres.begin() as connection:
            await connection.execute(insert(orgs).values(name="taken back"))
            await connection.execute(insert(projects).values(org_id=-1, name="nowhere"))

    with pytest.raises(IntegrityError):
        await fail()

    async with backends.postgres.connect() as connection:
        assert (await connection.execute(select(orgs).where(orgs.c.name == "taken back"))).all() == []


async def test_a_project_s_keys_go_with_it(backends: Backends) -> None:
    project = await new_project(backends, "goes")
    key = {"kind": "write", "label": "", "prefix": "", "token_hash": b"goes", "scopes": ["events:write"], "project_id": project}

    async with backends.postgres.begin() as connection:
        await connection.execute(insert(api_keys).values(id=text("gen_random_uuid()"), **key))
        await connection.execute(delete(projects).where(projects.c.id == project))

    async with backends.postgres.connect() as connection:
        assert (await connection.execute(select(api_keys.c.id).where(api_keys.c.project_id == project))).all() == []


async def test_an_advisory_lock_is_one_session_s_and_ends_with_it(backends: Backends) -> None:
    take = text("SELECT pg_try_advisory_lock(4711)")

    async with backends.postgres.connect() as first, backends.postgres.connect() as second:
        taken = (await first.execute(take)).scalar_one(), (await second.execute(take)).scalar_one()
        await first.invalidate()
        after = await eventually_taken(backends)

    assert (taken, after) == ((True, False), True)


async def eventually_taken(backends: Backends) -> bool:
    async with backends.postgres.connect() as connection:
        for _ in range(100):
            if (await connection.execute(text("SELECT pg_try_advisory_xact_lock(4711)"))).scalar_one():
                return True
            await asyncio.sleep(0.02)
    return False
