"""Acts that come at once are done together, and come to the same as one by one."""

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.backends import Backends
from core.errors import PugError
from pug.profiles.v1 import profiles_pb2 as pb

from .conftest import Town, new_town

IDS = "abcdef"

Act = tuple[str, str, str, int]

_ROWS = {
    "ids": "SELECT distinct_id, person_id, root, identified, own_traits, traits FROM distinct_ids WHERE project_id = :project ORDER BY 1",
    "ties": "SELECT version, kind, tied, tied_to, undone_at IS NULL FROM ties WHERE project_id = :project ORDER BY 1",
    "changes": "SELECT version, distinct_id, root, traits, identified FROM identity_changes WHERE project_id = :project"
    " ORDER BY 1, 2, 3, 4, 5",
    "version": "SELECT version FROM identity_versions WHERE project_id = :project",
}

acts = st.tuples(
    st.sampled_from(["identify", "set", "add", "merge", "unmerge"]), st.sampled_from(IDS), st.sampled_from(IDS), st.integers(0, 2)
)
histories = st.lists(st.lists(acts, min_size=1, max_size=12), min_size=1, max_size=4)


@given(history=histories)
@settings(max_examples=60, deadline=None)
async def test_a_batch_comes_to_the_same_as_its_acts_one_by_one(backends: Backends, history: list[list[Act]]) -> None:
    together, alone = await new_town(backends), await new_town(backends)

    for batch in history:
        tie_ids = [await _tie_ids(together), await _tie_ids(alone)]
        at_once = await asyncio.gather(*(_answer(together, act, tie_ids[0]) for act in batch))
        in_turn = [await _answer(alone, act, tie_ids[1]) for act in batch]
        assert at_once == in_turn

    assert await _rows(backends, together) == await _rows(backends, alone)


async def _answer(town: Town, act: Act, ties: Sequence[str]) -> object:
    """What a caller is told, without what is another in each town."""
    try:
        return await _perform(town, act, ties)
    except PugError as error:
        return (type(error), error.field)


async def _perform(town: Town, act: Act, ties: Sequence[str]) -> object:
    kind, one, other, number = act
    match kind:
        case "identify":
            return await town.identify(one, other, **({"plan": number} if number else {}))
        case "set":
            return await town.set_traits(one, set={other: number}, setOnce={"first": number}, unset=["plan"] if number else [])
        case "add":
            # A trait that may be a text by now.
            return await town.set_traits(one, increment={"visits": number}, set={"visits": "many"} if other == "a" else {})
        case "merge":
            answer = await town.service.merge(pb.MergeRequest(into=other, **{"from": one}), town.call)
            return (answer.person_id, answer.merge.identity_version, answer.merge.into, getattr(answer.merge, "from"))
        case _:
            if not ties:
                return None
            answer = await town.service.unmerge(pb.UnmergeRequest(merge_id=ties[ord(one) % len(ties)]), town.call)
            return (answer.identity_version, answer.merge.identity_version)


async def _tie_ids(town: Town) -> list[str]:
    return [tie.id for tie in (await town.service.list_merges(pb.ListMergesRequest(page_size=1_000), town.call)).merges]


async def _rows(backends: Backends, town: Town) -> dict[str, list[tuple[object, ...]]]:
    async with backends.postgres.connect() as connection:
        project = {"project": town.call.project.id}
        return {name: [tuple(row) for row in await connection.execute(text(query), project)] for name, query in _ROWS.items()}
