"""AccountsService: the keys of a project."""

import secrets
import uuid
from collections.abc import Callable

from core.errors import ApiKeyNotFound, InvalidArgument, MissingField
from pug.accounts.v1 import accounts_pb2 as pb
from pug.common.v1 import access_pb2
from services.accounts.repository import AccountsRepository, ApiKey, NewKey
from services.rpc.call import Call, Scope

_LABEL_LENGTH = 150
_KINDS = {pb.ApiKey.KIND_WRITE: "write", pb.ApiKey.KIND_SECRET: "secret"}
_SCOPES = {access_pb2.SCOPE_READ: Scope.READ, access_pb2.SCOPE_ADMIN: Scope.ADMIN}
_SCOPE_NUMBERS = {Scope.CAPTURE: access_pb2.SCOPE_CAPTURE, Scope.READ: access_pb2.SCOPE_READ, Scope.ADMIN: access_pb2.SCOPE_ADMIN}


class AccountsService:
    """Manages the keys of the caller's project."""

    def __init__(self, repository: AccountsRepository, forget: Callable[[str], None]) -> None:
        """`forget` drops what is remembered of a key, by its id."""
        self._repository = repository
        self._forget = forget

    async def create_api_key(self, request: pb.CreateApiKeyRequest, call: Call) -> pb.CreateApiKeyResponse:
        """A new key; its token is in this answer and nowhere else."""
        key = new_key(_kind(request), request.label, _scopes(request))
        stored = await self._repository.create_key(call.project.id, key)
        return pb.CreateApiKeyResponse(api_key=_message(stored), token=key.token)

    async def list_api_keys(self, _request: pb.ListApiKeysRequest, call: Call) -> pb.ListApiKeysResponse:
        """The project's keys."""
        return pb.ListApiKeysResponse(api_keys=[_message(key) for key in await self._repository.list_keys(call.project.id)])

    async def revoke_api_key(self, request: pb.RevokeApiKeyRequest, call: Call) -> pb.RevokeApiKeyResponse:
        """The key, ended."""
        try:
            key_id = uuid.UUID(request.id)
        except ValueError as error:
            raise InvalidArgument("That is not the id of a key.", field="id", hint="Take it from ListApiKeys.") from error
        revoked = await self._repository.revoke_key(call.project.id, key_id)
        if revoked is None:
            raise ApiKeyNotFound("The project has no such key.", field="id", hint="ListApiKeys lists them.")
        self._forget(revoked.id)
        return pb.RevokeApiKeyResponse(api_key=_message(revoked))


def new_key(kind: str, label: str, scopes: tuple[Scope, ...]) -> NewKey:
    """A key with a token of 160 random bits."""
    return NewKey(kind, label, f"{'pk' if kind == 'write' else 'sk'}_{secrets.token_hex(20)}", scopes)


def _kind(request: pb.CreateApiKeyRequest) -> str:
    if request.kind not in _KINDS:
        raise MissingField("Say what the key is for.", field="kind", hint="KIND_WRITE sends events, KIND_SECRET reads or administers.")
    if len(request.label) > _LABEL_LENGTH or "\0" in request.label:
        raise InvalidArgument(f"A label has at most {_LABEL_LENGTH} characters.", field="label", hint="Shorten it.")
    return _KINDS[request.kind]


def _scopes(request: pb.CreateApiKeyRequest) -> tuple[Scope, ...]:
    if request.kind == pb.ApiKey.KIND_WRITE:
        if any(scope != access_pb2.SCOPE_CAPTURE for scope in request.scopes):
            raise InvalidArgument("A write key may only capture.", field="scopes", hint="Leave scopes out, or make a secret key.")
        return (Scope.CAPTURE,)
    if not request.scopes or any(scope not in _SCOPES for scope in request.scopes):
        raise InvalidArgument("A secret key needs scopes.", field="scopes", hint="Give SCOPE_READ, SCOPE_ADMIN or both.")
    return tuple(_SCOPES[scope] for scope in dict.fromkeys(request.scopes))


def _message(key: ApiKey) -> pb.ApiKey:
    return pb.ApiKey(
        id=key.id,
        kind=next(number for number, name in _KINDS.items() if name == key.kind),
        label=key.label,
        prefix=key.prefix,
        scopes=[_SCOPE_NUMBERS[scope] for scope in key.scopes],
        created_at=key.created_at,
        revoked_at=key.revoked_at,
    )
