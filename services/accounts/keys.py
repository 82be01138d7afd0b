"""The keys of a project."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.errors import ApiKeyNotFound, CredentialInvalid, InvalidArgument, MissingField, ScopeMissing
from core.postgres import transaction
from pug.accounts.v1 import accounts_pb2 as pb
from pug.common.v1 import access_pb2
from services.accounts.audit import Change, difference, kept, note
from services.accounts.names import label_of
from services.accounts.orgs.roles import standing_of
from services.accounts.quotas import Quotas, require_room
from services.accounts.tables import api_keys
from services.accounts.tokens import hashed, new_token
from services.rpc.call import Call, Credential, Scope
from services.rpc.standing import SCOPES

_KINDS = {pb.ApiKey.KIND_WRITE: "write", pb.ApiKey.KIND_SECRET: "secret"}
_KIND_NUMBERS = {name: number for number, name in _KINDS.items()}
_SCOPES = {access_pb2.SCOPE_READ: Scope.READ, access_pb2.SCOPE_EDIT: Scope.EDIT, access_pb2.SCOPE_ADMIN: Scope.ADMIN}
_SCOPE_NUMBERS = {Scope.CAPTURE: access_pb2.SCOPE_CAPTURE, **{scope: number for number, scope in _SCOPES.items()}}
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be made, with the token its owner is shown once."""

    kind: str
    label: str
    token: str
    scopes: tuple[Scope, ...]
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """CreateApiKey, ListApiKeys and RevokeApiKey."""

    postgres: AsyncEngine
    # Drops what is remembered of a key, by its id.
    forget: Callable[[str], None]
    now: Callable[[], datetime]
    quotas: Quotas

    async def create_api_key(self, request: pb.CreateApiKeyRequest, call: Call) -> pb.CreateApiKeyResponse:
        """A new key; its token is in this answer and nowhere else."""
        key = new_key(_kind(request), label_of(request.label, field="label"), _scopes(request), self._expiry(request, call))
        async with transaction(self.postgres) as connection:
            await _require_no_more_than(connection, call, key)
            of = api_keys.c.project_id == call.project.id
            await require_room(connection, api_keys, of, self.quotas.project_keys, "keys of the project, those that were revoked included")
            row = await insert_key(connection, call.project.id, key)
            await note(connection, call, Change("CreateApiKey", "api_key", str(row["id"]), difference({}, _noted(row))))
        return pb.CreateApiKeyResponse(api_key=_message(row), token=key.token)

    async def list_api_keys(self, _request: pb.ListApiKeysRequest, call: Call) -> pb.ListApiKeysResponse:
        """The project's keys, newest first."""
        query = select(api_keys).where(api_keys.c.project_id == call.project.id).order_by(api_keys.c.created_at.desc(), api_keys.c.id)
        async with transaction(self.postgres) as connection:
            rows = (await connection.execute(query)).mappings().all()
        return pb.ListApiKeysResponse(api_keys=[_message(row) for row in rows])

    async def revoke_api_key(self, request: pb.RevokeApiKeyRequest, call: Call) -> pb.RevokeApiKeyResponse:
        """The key, ended; one that is ended already keeps its time."""
        async with transaction(self.postgres) as connection:
            row = await _of_project(connection, call.project.id, request.id)
            if row["revoked_at"] is None:
                query = update(api_keys).where(api_keys.c.id == row["id"]).values(revoked_at=self.now()).returning(api_keys)
                row = (await connection.execute(query)).mappings().one()
                changes = {
                    **kept(label=row["label"], prefix=row["prefix"]),
                    **difference({}, {"revoked_at": row["revoked_at"].isoformat()}),
                }
                await note(connection, call, Change("RevokeApiKey", "api_key", str(row["id"]), changes))
        self.forget(str(row["id"]))
        return pb.RevokeApiKeyResponse(api_key=_message(row))

    def _expiry(self, request: pb.CreateApiKeyRequest, call: Call) -> datetime | None:
        if not request.HasField("expires_at"):
            # A key by a key ends with it, though nobody says so.
            return call.credential.expires_at if call.credential.account is None else None
        try:
            expires_at = request.expires_at.ToDatetime(UTC)
        except (ValueError, OverflowError):
            expires_at = None
        if expires_at is None or expires_at <= self.now():
            raise InvalidArgument("A key expires in the future.", field="expiresAt", hint="Give a later time, or leave it out.")
        return expires_at


def new_key(kind: str, label: str, scopes: tuple[Scope, ...], expires_at: datetime | None = None) -> NewKey:
    """A key with a token of 160 random bits."""
    return NewKey(kind, label, new_token("pk" if kind == "write" else "sk"), scopes, expires_at)


async def insert_key(connection: AsyncConnection, project_id: int, key: NewKey) -> RowMapping:
    """Store a key; of a secret one only the hash."""
    values = {
        "id": uuid.uuid4(),
        "project_id": project_id,
        "kind": key.kind,
        "label": key.label,
        "prefix": key.token[:_SHOWN],
        "token": key.token if key.kind == "write" else None,
        "token_hash": hashed(key.token),
        "scopes": [str(scope) for scope in key.scopes],
        "expires_at": key.expires_at,
    }
    return (await connection.execute(insert(api_keys).values(values).returning(api_keys))).mappings().one()


async def _of_project(connection: AsyncConnection, project_id: int, key_id: str) -> RowMapping:
    try:
        query = select(api_keys).where(api_keys.c.project_id == project_id, api_keys.c.id == uuid.UUID(key_id)).with_for_update()
    except ValueError:
        raise _none() from None
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise _none()
    return row


def _noted(row: RowMapping) -> dict[str, object]:
    """What the log says of a new key: never its token."""
    expires_at = row["expires_at"] and row["expires_at"].isoformat()
    return {**{name: row[name] for name in ("label", "prefix", "kind", "scopes")}, "expires_at": expires_at}


def _none() -> ApiKeyNotFound:
    return ApiKeyNotFound("The project has no such key.", field="id", hint="ListApiKeys lists them.")


async def _require_no_more_than(connection: AsyncConnection, call: Call, key: NewKey) -> None:
    """Refuse a key that may do what its maker may not, or for longer; any admin lets events in, by a write key.

    The maker is asked about as of now: the gate's word may be five seconds old, and a key would outlive what was taken from them.
    """
    maker = call.credential
    holds = SCOPES[await standing_of(connection, call)] if maker.account else await _scopes_now(connection, maker)
    if more := set(key.scopes) - holds - {Scope.CAPTURE}:
        named = " and ".join(sorted(f"SCOPE_{scope.upper()}" for scope in more))
        raise ScopeMissing(f"A key may not do more than who makes it, and you lack {named}.", field="scopes", hint="Leave it out.")
    ends = None if maker.account else maker.expires_at
    if ends and (key.expires_at is None or key.expires_at > ends):
        raise InvalidArgument(
            "A key that a key makes does not outlive it.", field="expiresAt", hint=f"Give a time until {ends.isoformat()}, or leave it out."
        )


async def _scopes_now(connection: AsyncConnection, maker: Credential) -> frozenset[Scope]:
    """What a key may do, locked against being revoked until the transaction ends."""
    query = select(api_keys.c.scopes).where(api_keys.c.id == uuid.UUID(maker.key_id), api_keys.c.revoked_at.is_(None))
    row = (await connection.execute(query.with_for_update(read=True))).one_or_none()
    if row is None:
        raise CredentialInvalid("The key is unknown or revoked.", field="authorization", hint="Check the key.")
    return frozenset(Scope(scope) for scope in row.scopes)


def _kind(request: pb.CreateApiKeyRequest) -> str:
    if request.kind not in _KINDS:
        hint = "KIND_WRITE sends events; KIND_SECRET reads, edits or administers."
        raise MissingField("Say what the key is for.", field="kind", hint=hint)
    return _KINDS[request.kind]


def _scopes(request: pb.CreateApiKeyRequest) -> tuple[Scope, ...]:
    if request.kind == pb.ApiKey.KIND_WRITE:
        if any(scope != access_pb2.SCOPE_CAPTURE for scope in request.scopes):
            raise InvalidArgument("A write key may only capture.", field="scopes", hint="Leave scopes out, or make a secret key.")
        return (Scope.CAPTURE,)
    if not request.scopes or any(scope not in _SCOPES for scope in request.scopes):
        raise InvalidArgument("A secret key needs scopes.", field="scopes", hint="Give any of SCOPE_READ, SCOPE_EDIT and SCOPE_ADMIN.")
    return tuple(_SCOPES[scope] for scope in dict.fromkeys(request.scopes))


def _message(row: RowMapping) -> pb.ApiKey:
    return pb.ApiKey(
        id=str(row["id"]),
        kind=_KIND_NUMBERS[row["kind"]],
        label=row["label"],
        prefix=row["prefix"],
        scopes=[_SCOPE_NUMBERS[Scope(scope)] for scope in row["scopes"]],
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        expires_at=row["expires_at"],
    )
