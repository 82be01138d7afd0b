"""Random histories of ties, checked against a naive reading: who is one person follows from the ties that hold, however they came."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backends import Backends
from core.errors import AlreadyIdentified, AlreadyOnePerson, AlreadyUnmerged
from pug.profiles.v1 import profiles_pb2 as pb
from story import event

from .conftest import ANYTHING, Town, new_town

IDS = "abcdefgh"

_PAGE = pb.ListMergesRequest(page_size=1)
Act = tuple[str, str, str]


@dataclass
class Naive:
    """Ties as edges; persons as what hangs together."""

    edges: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    identified: set[str] = field(default_factory=set[str])

    def person(self, one: str) -> frozenset[str]:
        inside = {one}
        while True:
            more = {b for a, b in self.edges.values() if a in inside} | {a for a, b in self.edges.values() if b in inside}
            if more <= inside:
                return frozenset(inside)
            inside |= more

    def persons(self) -> set[frozenset[str]]:
        return {self.person(one) for one in IDS}


acts = st.lists(
    st.tuples(st.sampled_from(["identify", "merge", "unmerge"]), st.sampled_from(IDS), st.sampled_from(IDS)), min_size=1, max_size=25
)


@given(history=acts)
@settings(max_examples=40, deadline=None)
async def test_persons_are_what_the_ties_that_hold_make_them(backends: Backends, history: list[Act]) -> None:
    here = await new_town(backends)
    await here.store.tell(*(event("e", one) for one in IDS))
    naive, seen = Naive(), dict[int, int]()

    for place, (act, one, other) in enumerate(history):
        await _perform(here, naive, act, one, other)
        if place % 5 == 4:
            answer = await here.ask(ANYTHING)
            seen[answer.meta.identity_version] = len(naive.persons())
            assert await here.persons() == len(naive.persons())

    assert await here.persons() == len(naive.persons())
    for one in IDS:
        assert set((await here.person(distinct_id=one)).distinct_ids) == naive.person(one)
    for version, persons in seen.items():
        assert not version or await here.persons(as_of=version) == persons


async def _perform(here: Town, naive: Naive, act: str, one: str, other: str) -> None:
    together = naive.person(one) == naive.person(other)
    if act == "unmerge":
        if naive.edges:
            tie = list(naive.edges)[(ord(one) * 8 + ord(other)) % len(naive.edges)]
            await here.unmerge(tie)
            del naive.edges[tie]
            with pytest.raises(AlreadyUnmerged):
                await here.unmerge(tie)
        return
    if act == "merge":
        if together:
            with pytest.raises(AlreadyOnePerson):
                await here.merge(one, other)
        else:
            naive.edges[await here.merge(one, other)] = (one, other)
        return
    if not together and naive.person(one) & naive.identified:
        with pytest.raises(AlreadyIdentified):
            await here.identify(one, other)
        return
    await here.identify(one, other)
    naive.identified.add(other)
    if not together:
        newest = (await here.service.list_merges(_PAGE, here.call)).merges[0]
        naive.edges[newest.id] = (one, other)
