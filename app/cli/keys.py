"""`pug keys`: the keys of a project."""

from datetime import UTC
from enum import StrEnum
from typing import Annotated

import typer
from connectrpc.errors import ConnectError
from google.protobuf.json_format import MessageToDict

from app.cli.client import (
    CALL_TIMEOUT_MS,
    CaCertificateOption,
    CliError,
    KeyKind,
    SecretKeyOption,
    Server,
    UrlOption,
    UsageError,
    call_failure,
    calling,
    error_info,
    server_for,
    sync_http,
    told_in_one_line,
)
from app.cli.output import AsJson, data_console, instant_text, note, print_json, print_table, table
from pug.accounts.v1 import accounts_pb2 as pb
from pug.accounts.v1.accounts_connect import AccountsServiceClientSync
from pug.common.v1 import access_pb2

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke the keys of a project. Needs a secret key with scope admin.")


class Kind(StrEnum):
    """What a key is for."""

    WRITE = "write"
    SECRET = "secret"  # noqa: S105 (a name)


class KeyScope(StrEnum):
    """What a secret key may do."""

    READ = "read"
    ADMIN = "admin"


_KINDS = {Kind.WRITE: pb.ApiKey.KIND_WRITE, Kind.SECRET: pb.ApiKey.KIND_SECRET}
_SCOPES = {KeyScope.READ: access_pb2.SCOPE_READ, KeyScope.ADMIN: access_pb2.SCOPE_ADMIN}


@app.command(
    epilog="Examples:  pug keys create --kind write --label 'web site'   ·   pug keys create --kind secret --scope read --label dashboards",
)
@told_in_one_line()
def create(
    *,
    kind: Annotated[Kind, typer.Option(help="`write` sends events and may be public; `secret` reads or administers.")],
    scope: Annotated[list[KeyScope] | None, typer.Option(help="What a secret key may do; give it twice for both. Default: read.")] = None,
    label: Annotated[str, typer.Option(help="A name for people.")] = "",
    url: UrlOption = None,
    key: SecretKeyOption = None,
    ca_certificate: CaCertificateOption = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. Its token is shown once, now."""
    if kind is Kind.WRITE and scope:
        raise UsageError("A write key takes no --scope: it may only send events.", "Leave --scope out, or make a secret key.")
    scopes = [] if kind is Kind.WRITE else [_SCOPES[each] for each in scope or [KeyScope.READ]]
    server = server_for(url, key, KeyKind.SECRET, ca_certificate)
    with calling(server):
        made = _accounts(server).create_api_key(
            pb.CreateApiKeyRequest(kind=_KINDS[kind], label=label, scopes=scopes),
            headers=server.headers,
        )
    if as_json:
        print_json({"token": made.token, "key": _as_json(made.api_key)})
        return
    data_console().print(made.token, markup=False)
    note(f"This is the new {kind} key (id {made.api_key.id}). Keep it now: it is not shown again.")


@app.command("list", epilog="Example:  pug keys list --json")
@told_in_one_line()
def list_keys(
    *, url: UrlOption = None, key: SecretKeyOption = None, ca_certificate: CaCertificateOption = None, as_json: AsJson = False
) -> None:
    """List the keys of the project, newest first, revoked ones included."""
    server = server_for(url, key, KeyKind.SECRET, ca_certificate)
    with calling(server):
        keys = _accounts(server).list_api_keys(pb.ListApiKeysRequest(), headers=server.headers).api_keys
    if as_json:
        print_json([_as_json(each) for each in keys])
        return
    print_table(table(("id", "kind", "begins with", "scopes", "label", "made", "revoked"), [_row(each) for each in keys]))


@app.command(epilog="Example:  pug keys revoke 0192f3a4-…")
@told_in_one_line()
def revoke(
    *,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `pug keys list` shows it.")],
    url: UrlOption = None,
    key: SecretKeyOption = None,
    ca_certificate: CaCertificateOption = None,
    as_json: AsJson = False,
) -> None:
    """End a key at once. Revoking it again changes nothing."""
    server = server_for(url, key, KeyKind.SECRET, ca_certificate)
    try:
        revoked = _accounts(server).revoke_api_key(pb.RevokeApiKeyRequest(id=key_id), headers=server.headers).api_key
    except ConnectError as error:
        if (info := error_info(error)) and info.field == "id":
            raise CliError(f"The project has no key with the id '{key_id}'.", "`pug keys list` shows the ids.") from error
        raise call_failure(error, server) from error
    if as_json:
        print_json(_as_json(revoked))
        return
    data_console().print(f"{revoked.prefix}… ({revoked.label or 'no label'}) no longer works.", markup=False)


def _accounts(server: Server) -> AccountsServiceClientSync:
    return AccountsServiceClientSync(server.url, http_client=sync_http(server.ca_certificate), timeout_ms=CALL_TIMEOUT_MS)


def _row(key: pb.ApiKey) -> tuple[str, ...]:
    made = instant_text(key.created_at.ToDatetime(UTC))
    revoked = instant_text(key.revoked_at.ToDatetime(UTC)) if key.HasField("revoked_at") else ""
    return key.id, _kind_name(key), key.prefix, " ".join(_scope_names(key)), key.label, made, revoked


def _as_json(key: pb.ApiKey) -> dict[str, object]:
    return {**MessageToDict(key, always_print_fields_with_no_presence=True), "kind": _kind_name(key), "scopes": _scope_names(key)}


def _kind_name(key: pb.ApiKey) -> str:
    return pb.ApiKey.Kind.Name(key.kind).removeprefix("KIND_").lower()


def _scope_names(key: pb.ApiKey) -> list[str]:
    return [access_pb2.Scope.Name(scope).removeprefix("SCOPE_").lower() for scope in key.scopes]
