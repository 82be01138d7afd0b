import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import select

from accounts_stand import Stand
from core.errors import ApiKeyNotFound, CredentialInvalid, InvalidArgument, MissingField, ScopeMissing, TooLong
from pug.accounts.v1 import accounts_pb2 as pb
from pug.accounts.v1 import project_pb2
from pug.common.v1 import access_pb2
from services.accounts.key_uses import KeyUses
from services.accounts.tables import api_keys
from services.accounts.tokens import hashed
from services.rpc.call import Credential, Scope, Sender

HOUR = timedelta(hours=1)
CREATE = "/pug.accounts.v1.AccountsService/CreateApiKey"


async def scopes(stand: Stand, token: str) -> frozenset[Scope] | None:
    """What a token opens, if it works."""
    found = await stand.credentials.find(token)
    assert found is None or isinstance(found, Credential)
    return found and found.scopes


@pytest.mark.parametrize("given", [("read",), ("edit",), ("admin",), ("read", "edit", "admin"), ("admin", "read", "admin")])
async def test_a_secret_key_opens_what_it_was_made_for(stand: Stand, given: tuple[str, ...]) -> None:
    ada = await stand.founder()

    made = await ada.create_key(" reports ", *given)

    assert made.token.startswith("sk_")
    assert (made.api_key.kind, made.api_key.label, made.api_key.prefix) == (pb.ApiKey.KIND_SECRET, "reports", made.token[:8])
    assert [access_pb2.Scope.Name(scope) for scope in made.api_key.scopes] == [f"SCOPE_{scope.upper()}" for scope in dict.fromkeys(given)]
    assert await scopes(stand, made.token) == {Scope(scope) for scope in given}


async def test_a_write_key_captures_and_no_more(stand: Stand) -> None:
    made = await (await stand.founder()).create_key("web")

    assert (made.token[:3], list(made.api_key.scopes)) == ("pk_", [access_pb2.SCOPE_CAPTURE])
    assert await scopes(stand, made.token) == {Scope.CAPTURE}


async def test_of_a_secret_key_only_the_hash_is_kept(stand: Stand) -> None:
    made = await (await stand.founder()).create_key("", "read")

    async with stand.postgres.connect() as connection:
        row = (await connection.execute(select(api_keys).where(api_keys.c.id == made.api_key.id))).mappings().one()
    assert (row["token"], row["token_hash"]) == (None, hashed(made.token))
    assert made.token not in str(dict(row))


@pytest.mark.parametrize(
    ("kind", "given", "field", "error"),
    [
        (pb.ApiKey.KIND_UNSPECIFIED, [access_pb2.SCOPE_READ], "kind", MissingField),
        (9, [access_pb2.SCOPE_READ], "kind", MissingField),
        (pb.ApiKey.KIND_SECRET, [], "scopes", InvalidArgument),
        *[(pb.ApiKey.KIND_SECRET, [access_pb2.SCOPE_READ, scope], "scopes", InvalidArgument) for scope in (0, 1, 5, 6, 7, 8, 9, 10, 99)],
        (pb.ApiKey.KIND_WRITE, [access_pb2.SCOPE_READ], "scopes", InvalidArgument),
    ],
)
async def test_no_key_gets_what_keys_cannot_have(
    stand: Stand, kind: int, given: list[int], field: str, error: type[InvalidArgument]
) -> None:
    ada = await stand.founder()
    request = pb.CreateApiKeyRequest()
    request.kind = kind  # pyright: ignore[reportAttributeAccessIssue] (proto3 takes numbers it doesn't know)
    request.scopes.extend(given)  # pyright: ignore[reportArgumentType] (the same)

    with pytest.raises(error) as refused:
        await ada.do("CreateApiKey", request)

    assert refused.value.field == field
    assert len(await ada.keys()) == 1


@pytest.mark.parametrize(("label", "error"), [("x" * 151, TooLong), ("a\0b", InvalidArgument)])
async def test_a_label_is_one_line_of_at_most_150_characters(stand: Stand, label: str, error: type[InvalidArgument]) -> None:
    with pytest.raises(error) as refused:
        await (await stand.founder()).create_key(label)

    assert refused.value.field == "label"


async def test_a_key_works_until_it_expires(stand: Stand) -> None:
    ada = await stand.founder()
    expires = Timestamp()
    expires.FromDatetime(stand.now() + HOUR)
    made = await ada.create_key("", "read", expires_at=expires)
    # Remembered, so that it is not PostgreSQL's clock that counts.
    assert await scopes(stand, made.token) == {Scope.READ}

    stand.ahead += HOUR

    assert await scopes(stand, made.token) is None
    assert abs(made.api_key.expires_at.ToNanoseconds() - expires.ToNanoseconds()) < 1_000


@pytest.mark.parametrize("expires", [Timestamp(seconds=0), Timestamp(seconds=-1), Timestamp(seconds=1, nanos=-1), Timestamp(seconds=2**60)])
async def test_a_key_expires_in_the_future(stand: Stand, expires: Timestamp) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await (await stand.founder()).create_key("", "read", expires_at=expires)

    assert (refused.value.field, bool(refused.value.hint)) == ("expiresAt", True)


async def by_key(stand: Stand, token: str, *given: str, expires_at: Timestamp | None = None) -> pb.CreateApiKeyResponse:
    """What a key makes."""
    kind = pb.ApiKey.KIND_SECRET if given else pb.ApiKey.KIND_WRITE
    request = pb.CreateApiKeyRequest(kind=kind, scopes=[f"SCOPE_{scope.upper()}" for scope in given], expires_at=expires_at)
    return await stand.rpc("CreateApiKey", request, token=token)


async def test_a_key_makes_no_key_that_may_do_more_than_itself(stand: Stand) -> None:
    ada = await stand.founder()
    admin, reader = await ada.create_key("", "admin"), await ada.create_key("", "admin", "read")

    for maker, wanted in ((admin, "read"), (admin, "edit"), (reader, "edit")):
        with pytest.raises(ScopeMissing) as refused:
            await by_key(stand, maker.token, "admin", wanted)
        assert refused.value.field == "scopes"

    made = [await by_key(stand, reader.token, "read"), await by_key(stand, admin.token, "admin"), await by_key(stand, admin.token)]
    assert [await scopes(stand, each.token) for each in made] == [{Scope.READ}, {Scope.ADMIN}, {Scope.CAPTURE}]


async def test_a_key_that_a_key_makes_does_not_outlive_it(stand: Stand) -> None:
    ada = await stand.founder()
    expires, later = Timestamp(), Timestamp()
    expires.FromDatetime(stand.now() + HOUR)
    later.FromDatetime(stand.now() + HOUR * 2)
    maker = await ada.create_key("", "admin", expires_at=expires)

    made = await by_key(stand, maker.token, "admin")
    with pytest.raises(InvalidArgument) as refused:
        await by_key(stand, maker.token, "admin", expires_at=later)

    assert made.api_key.expires_at == maker.api_key.expires_at
    assert refused.value.field == "expiresAt"


async def test_who_was_demoted_or_revoked_a_moment_ago_makes_no_key(stand: Stand) -> None:
    ada = await stand.founder()
    bob, key = await ada.bring_in("admin"), await ada.create_key("", "admin")
    demoted, held = [
        await stand.gate.admit(CREATE, Sender(headers={"authorization": f"Bearer {token}", "x-pug-org": ada.org}), "request", None)
        for token in (bob.session.access_token, key.token)
    ]
    await ada.set_role(bob, "editor")
    await ada.revoke_key(key.api_key.id)
    request = pb.CreateApiKeyRequest(kind=pb.ApiKey.KIND_SECRET, scopes=[access_pb2.SCOPE_ADMIN])

    with pytest.raises(ScopeMissing):
        await stand.service.create_api_key(request, demoted)
    with pytest.raises(CredentialInvalid):
        await stand.service.create_api_key(request, held)


async def test_keys_are_listed_newest_first_with_when_they_were_used_and_without_tokens(stand: Stand) -> None:
    ada = await stand.founder()
    used, unused = await ada.create_key("used", "read"), await ada.create_key("unused", "edit")
    uses = KeyUses(stand.postgres, stand.now)
    found = await stand.credentials.find(used.token)
    assert isinstance(found, Credential)
    uses.note(found)
    await uses.write()

    keys = await ada.keys()

    assert [key.label for key in keys] == ["unused", "used", "first"]
    assert [key.HasField("last_used_at") for key in keys] == [False, True, False]
    assert not any(token in str(keys) for token in (used.token, unused.token))


async def test_a_revoked_key_ends_at_once_and_stays_listed_and_revoking_it_again_keeps_its_time(stand: Stand) -> None:
    ada = await stand.founder()
    made = await ada.create_key("", "read")
    assert await scopes(stand, made.token)

    first = await ada.revoke_key(made.api_key.id)
    stand.ahead += timedelta(minutes=1)
    again = await ada.revoke_key(made.api_key.id)

    assert await scopes(stand, made.token) is None
    assert abs(first.revoked_at.ToDatetime(UTC) - datetime.now(UTC)) < HOUR
    assert first == again == (await ada.keys())[0]


async def test_of_those_who_revoke_a_key_at_once_all_succeed_at_one_time(stand: Stand) -> None:
    ada = await stand.founder()
    made = await ada.create_key("", "read")

    revoked = await asyncio.gather(*(ada.revoke_key(made.api_key.id) for _ in range(4)))

    assert len({key.revoked_at.ToNanoseconds() for key in revoked}) == 1
    assert [entry.action for entry in (await ada.log()).entries].count("RevokeApiKey") == 1


async def test_a_key_with_admin_makes_and_revokes_keys_even_itself(stand: Stand) -> None:
    ada = await stand.founder()
    admin = await ada.create_key("robot", "admin", "read")
    request = pb.CreateApiKeyRequest(kind=pb.ApiKey.KIND_SECRET, scopes=[access_pb2.SCOPE_READ])

    made = await stand.rpc("CreateApiKey", request, token=admin.token)
    await stand.rpc("RevokeApiKey", pb.RevokeApiKeyRequest(id=admin.api_key.id), token=admin.token)

    assert await scopes(stand, made.token) == {Scope.READ}
    with pytest.raises(CredentialInvalid):
        await stand.rpc("ListApiKeys", pb.ListApiKeysRequest(), token=admin.token)
    assert [entry.actor for entry in (await ada.log(page_size=2)).entries] == ["key:robot"] * 2


@pytest.mark.parametrize("given", [("read",), ("edit",), ("read", "edit")])
async def test_a_key_without_admin_has_nothing_to_do_with_keys(stand: Stand, given: tuple[str, ...]) -> None:
    ada = await stand.founder()
    key = await ada.create_key("", *given)

    for name, request in (
        ("CreateApiKey", pb.CreateApiKeyRequest(kind=pb.ApiKey.KIND_WRITE)),
        ("ListApiKeys", pb.ListApiKeysRequest()),
        ("RevokeApiKey", pb.RevokeApiKeyRequest(id=key.api_key.id)),
        ("UpdateProject", project_pb2.UpdateProjectRequest(name="Mine")),
    ):
        with pytest.raises(ScopeMissing):
            await stand.rpc(name, request, token=key.token)


async def test_a_key_of_another_project_is_as_unknown_as_one_that_is_not_there(stand: Stand) -> None:
    ada, other = await stand.founder(), await stand.founder()
    own, second = (await ada.projects())[0].id, (await ada.create_project("Second")).project.id
    theirs, sibling = (await other.keys())[0].id, (await ada.keys(second))[0].id
    errors: set[tuple[str, str, str]] = set()

    for key_id in (theirs, sibling, str(uuid.uuid4()), "", "1", "\0", "x" * 10_000):
        with pytest.raises(ApiKeyNotFound) as refused:
            await ada.revoke_key(key_id, own)
        errors.add((refused.value.message, refused.value.field, refused.value.hint))

    assert len(errors) == 1
    assert not any(key.HasField("revoked_at") for key in [*await other.keys(), *await ada.keys(second)])
