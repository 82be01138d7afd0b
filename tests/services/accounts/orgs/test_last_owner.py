"""An org always has an owner, whoever goes at once: each call has a connection of its own."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence

import pytest

from accounts_stand import Someone, Stand, role_name
from core.errors import LastOwner, MemberNotFound, OrgNotFound, ScopeMissing

ROUNDS = 8


async def pair(stand: Stand) -> tuple[Someone, Someone]:
    """Two owners of a new org, whose sessions are known to the gate."""
    ada = await stand.founder()
    bob = await ada.bring_in("owner")
    await asyncio.gather(ada.members(), bob.members())
    return ada, bob


async def owners(stand: Stand, *everybody: Someone) -> int:
    """How many of them are owners now."""
    listed = [(someone.org, org) for someone in everybody for org in (await stand.me(someone.session)).orgs]
    return sum(org.id == meant and role_name(org.role) == "owner" for meant, org in listed)


Way = Callable[[Someone, Someone], Sequence[Coroutine[object, object, object]]]
WAYS: Mapping[str, Way] = {
    "both leave": lambda ada, bob: (ada.leave(), bob.leave()),
    "each demotes the other": lambda ada, bob: (ada.set_role(bob, "viewer"), bob.set_role(ada, "viewer")),
    "each removes the other": lambda ada, bob: (ada.remove(bob), bob.remove(ada)),
    "one leaves, one demotes themselves": lambda ada, bob: (ada.leave(), bob.set_role(bob, "admin")),
    "one leaves and is demoted": lambda ada, bob: (ada.leave(), bob.set_role(ada, "admin"), bob.leave()),
    "one leaves and removes the other": lambda ada, bob: (ada.leave(), ada.remove(bob)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_of_two_owners_who_go_at_once_one_stays(stand: Stand, way: Way) -> None:
    for _ in range(ROUNDS):
        ada, bob = await pair(stand)

        outcomes = await asyncio.gather(*way(ada, bob), return_exceptions=True)

        refusals = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert refusals
        assert all(isinstance(refusal, (LastOwner, MemberNotFound, OrgNotFound, ScopeMissing)) for refusal in refusals), outcomes
        assert await owners(stand, ada, bob) == 1


async def test_of_many_owners_who_leave_at_once_one_stays(stand: Stand) -> None:
    for _ in range(3):
        ada = await stand.founder()
        everybody = [ada, *[await ada.bring_in("owner") for _ in range(4)]]

        outcomes = await asyncio.gather(*(someone.leave() for someone in everybody), return_exceptions=True)

        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastOwner", *["NoneType"] * 4]
        assert await owners(stand, *everybody) == 1
