import asyncio
import base64

import pytest

from accounts_stand import Someone, Stand
from core.errors import InvalidArgument, ScopeMissing
from core.postgres import transaction
from pug.accounts.v1 import audit_pb2 as pb
from services.accounts.audit import Change, difference, note_operators


async def pages(someone: Someone, size: int, **which: str) -> list[list[pb.AuditEntry]]:
    """All pages of the log."""
    read: list[list[pb.AuditEntry]] = []
    token = ""
    while True:
        page = await someone.log(page_size=size, page_token=token, **which)
        read.append(list(page.entries))
        token = page.next_page_token
        if not token:
            return read


async def with_changes(stand: Stand, count: int) -> Someone:
    """Somebody who has made so many changes."""
    ada = await stand.founder()
    for number in range(count):
        await ada.update_project(name=f"Shop {number}")
    return ada


async def test_pages_hold_everything_once_latest_first(stand: Stand) -> None:
    ada = await with_changes(stand, 7)

    read = await pages(ada, 3)

    assert [len(page) for page in read] == [3, 3, 1]
    names = [entry.changes["name"]["after"] for page in read for entry in page]  # pyright: ignore[reportIndexIssue, reportArgumentType, reportCallIssue, reportOptionalSubscript, reportUnknownVariableType] (a Struct in a Struct)
    assert names == [f"Shop {number}" for number in reversed(range(7))]


async def test_a_last_page_that_is_full_is_followed_by_none(stand: Stand) -> None:
    ada = await with_changes(stand, 4)

    assert [len(page) for page in await pages(ada, 2)] == [2, 2]
    assert len((await ada.log()).entries) == 4


async def test_later_pages_stay_as_they_are_while_new_changes_come(stand: Stand) -> None:
    ada = await with_changes(stand, 6)
    before = [entry.id for page in await pages(ada, 2) for entry in page]
    seen: list[str] = []
    token = ""

    while not seen or token:
        page = await ada.log(page_size=2, page_token=token)
        seen += [entry.id for entry in page.entries]
        token = page.next_page_token
        await asyncio.gather(*(ada.create_key("") for _ in range(3)))

    assert seen == before


async def test_pages_end_where_entries_hold_very_much_and_the_next_goes_on_there(stand: Stand) -> None:
    ada = await with_changes(stand, 3)
    values = [1] * 2_000
    async with transaction(stand.postgres) as connection:
        for number in range(20):
            change = Change("UpdateDashboard", "dashboard", str(number), difference({"frame": values}, {"frame": [*values, number]}))
            await note_operators(connection, int(ada.org), None, change)

    read = await pages(ada, 1_000)

    # Six of 4,000 values are 24,000 of the 25,000 that a page may hold.
    assert [len(page) for page in read] == [6, 6, 6, 5]
    assert [entry.object_id for page in read for entry in page][:20] == [str(number) for number in reversed(range(20))]
    assert len({entry.id for page in read for entry in page}) == 23


async def test_the_log_is_narrowed_down_to_a_project_and_to_who_did_it(stand: Stand) -> None:
    ada = await stand.founder()
    bob = await ada.bring_in("admin")
    first, second = (await ada.projects())[0].id, (await bob.create_project("Shop")).project.id
    await ada.create_key("", project=second)
    await ada.create_key("", project=first)

    async def actions(**which: str) -> list[str]:
        return [entry.action for page in await pages(ada, 1, **which) for entry in page]

    assert await actions(project_id=second) == ["CreateApiKey", "CreateProject"]
    assert await actions(actor=bob.email) == ["CreateProject", "AcceptInvitation"]
    assert await actions(actor=bob.email, project_id=first) == []
    assert await actions(actor=ada.email, project_id=first) == ["CreateApiKey"]


async def test_a_project_of_another_org_and_one_that_is_not_there_have_no_entries(stand: Stand) -> None:
    ada, other = await with_changes(stand, 1), await with_changes(stand, 1)

    for project in ((await other.projects())[0].id, "x", "-1", "0", "9" * 18, "9" * 30, "9" * 5_000, "\0"):
        assert await ada.log(project_id=project) == pb.ListAuditEntriesResponse()
    for actor in (other.email, "nobody", "\0", "'; DROP TABLE audit_entries; --"):
        assert await ada.log(actor=actor) == pb.ListAuditEntriesResponse()


async def test_each_org_has_a_log_of_its_own(stand: Stand) -> None:
    ada, other = await with_changes(stand, 3), await with_changes(stand, 2)
    token = (await ada.log(page_size=1)).next_page_token

    assert {entry.actor for page in await pages(other, 1) for entry in page} == {other.email}
    # A token of another's page is only a place, and shows nothing of theirs.
    assert all(entry.actor == other.email for entry in (await other.log(page_token=token)).entries)


@pytest.mark.parametrize("size", [-1, 1_001])
async def test_a_page_has_at_most_1000_entries(stand: Stand, size: int) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await (await stand.founder()).log(page_size=size)

    assert refused.value.field == "pageSize"


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "token", ["x", "🐶", "\0", *map(encoded, ['["x"]', "[]", "[1, 2]", "{}", "1", "[null]", "[-1]", "[1.5]", f"[{10**30}]", "[" * 20_000])]
)
async def test_what_is_no_page_token_is_refused(stand: Stand, token: str) -> None:
    ada = await with_changes(stand, 1)

    with pytest.raises(InvalidArgument) as refused:
        await ada.log(page_token=token)

    assert (refused.value.field, bool(refused.value.hint)) == ("pageToken", True)


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_the_log_is_for_admins(stand: Stand, role: str) -> None:
    bob = await (await stand.founder()).bring_in(role)

    with pytest.raises(ScopeMissing):
        await bob.log()
