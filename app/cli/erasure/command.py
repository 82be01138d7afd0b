"""`pug erasure`: ask for somebody to be erased, look how far that is, and check a certificate without asking Pug."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
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
    calling,
    server_for,
    sync_http,
    told_in_one_line,
)
from app.cli.erasure.rendering import certificate_text, erasure_text, erasures_table
from app.cli.output import AsJson, note, print_json, print_table
from pug.profiles.v1 import erasure_pb2 as pb
from pug.profiles.v1.profiles_connect import ProfilesServiceClientSync

app = typer.Typer(no_args_is_help=True, help="Erase people, and check certificates of it. Needs a secret key with scope admin.")

_LOOK_EVERY_S = 1.0
_ENDED = {pb.Erasure.STATE_DONE, pb.Erasure.STATE_FAILED}
ErasureId = Annotated[str, typer.Argument(metavar="ID", help="The erasure's id in `pug erasure list`.")]


@app.command(epilog="Example:  pug erasure request --external-id ann@example.com --wait")
@told_in_one_line()
def request(
    *,
    distinct_id: Annotated[str | None, typer.Option(help="Any id their events came with.")] = None,
    external_id: Annotated[str | None, typer.Option(help="The id they were identified by.")] = None,
    person_id: Annotated[str | None, typer.Option(help="The id of the person, 16 hexadecimal digits.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Return when it is done; exit with 1 when it fails.")] = False,
    url: UrlOption = None,
    key: SecretKeyOption = None,
    ca_certificate: CaCertificateOption = None,
    as_json: AsJson = False,
) -> None:
    """Erase a person for good: all their events, ids and traits, everywhere. Asks before it does."""
    by = {"distinct_id": distinct_id, "external_id": external_id, "person_id": person_id}
    given = {name: value for name, value in by.items() if value is not None}
    if len(given) != 1:
        raise UsageError("Say who, by one id.", "Give one of --distinct-id, --external-id and --person-id.")
    _confirm(next(iter(given.values())), yes=yes)
    server = server_for(url, key, KeyKind.SECRET, ca_certificate)
    with calling(server):
        erasure = _profiles(server).erase_data_subject(pb.EraseDataSubjectRequest(**given), headers=server.headers).erasure
    if wait:
        erasure = _waited(server, erasure)
    _tell(erasure, as_json=as_json)
    if wait and erasure.state == pb.Erasure.STATE_FAILED:
        raise CliError(f"It was given up: {erasure.error}", "The same command again revives it.")


@app.command(epilog="Examples:  pug erasure show 0192f3a4-…   ·   pug erasure show 0192f3a4-… --certificate > certificate.json")
@told_in_one_line()
def show(
    *,
    erasure_id: ErasureId,
    certificate: Annotated[bool, typer.Option("--certificate", help="Write the certificate to stdout, exactly, and nothing else.")] = False,
    url: UrlOption = None,
    key: SecretKeyOption = None,
    ca_certificate: CaCertificateOption = None,
    as_json: AsJson = False,
) -> None:
    """Show how far an erasure is, and what was held where; or its certificate."""
    server = server_for(url, key, KeyKind.SECRET, ca_certificate)
    with calling(server):
        found = _profiles(server).get_erasure(pb.GetErasureRequest(id=erasure_id), headers=server.headers)
    if not certificate:
        _tell(found.erasure, as_json=as_json)
    elif found.certificate:
        typer.echo(found.certificate, nl=False)
    else:
        raise CliError("There is no certificate yet: the erasure is not done.", f"`pug erasure show {erasure_id}` says how far it is.")


@app.command("list", epilog="Example:  pug erasure list --json")
@told_in_one_line()
def list_erasures(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many at most.")] = 50,
    url: UrlOption = None,
    key: SecretKeyOption = None,
    ca_certificate: CaCertificateOption = None,
    as_json: AsJson = False,
) -> None:
    """List the erasures of the project, newest first."""
    server = server_for(url, key, KeyKind.SECRET, ca_certificate)
    with calling(server):
        found = _profiles(server).list_erasures(pb.ListErasuresRequest(page_size=limit), headers=server.headers).erasures
    if as_json:
        print_json([MessageToDict(each) for each in found])
    else:
        print_table(erasures_table(found))


@app.command(epilog="Example:  pug erasure verify certificate.json --public-key pug.pem")
@told_in_one_line()
def verify(
    *,
    certificate: Annotated[Path, typer.Argument(metavar="FILE", help="The certificate, byte for byte as it was given.")],
    public_key: Annotated[
        Path | None, typer.Option(help="A PEM file with the key it has to be signed by, which `pug erasure public-key` prints.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a certificate, without any server; exits with 1 when a byte of it is another, or when it is of something else."""
    # Loads what other commands need not wait for.
    from core.certificates import from_pem, name_of  # noqa: PLC0415
    from core.certificates import verify as verified  # noqa: PLC0415
    from core.erasure_certificates import erasure_of  # noqa: PLC0415

    expected = from_pem(public_key.read_bytes()) if public_key else None
    said, signed_by = verified(certificate.read_bytes(), expected)
    stores = erasure_of(said).stores
    if as_json:
        print_json({"good": True, "key": name_of(signed_by), "key_is_expected": expected is not None, "certificate": said})
        return
    typer.echo(certificate_text(said, stores, name_of(signed_by)), nl=False)
    if expected is None:
        note("Whose key that is, is not checked: give the key of your Pug with --public-key.")


@app.command(epilog="Example:  pug erasure public-key > pug.pem")
@told_in_one_line()
def public_key(*, url: UrlOption = None, key: SecretKeyOption = None, ca_certificate: CaCertificateOption = None) -> None:
    """Print the public key that certificates are checked with, as PEM."""
    server = server_for(url, key, KeyKind.SECRET, ca_certificate)
    with calling(server):
        found = _profiles(server).get_certificate_key(pb.GetCertificateKeyRequest(), headers=server.headers)
    typer.echo(found.public_key, nl=False)


def _confirm(who: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("This erases for good, and there is no terminal to ask on.", "Add --yes if it is meant so.")
    if not typer.confirm(f"Erase everything that is held about {who!r} for good?", err=True):
        raise CliError("Nobody was erased.")


def _waited(server: Server, erasure: pb.Erasure) -> pb.Erasure:
    while erasure.state not in _ENDED:
        time.sleep(_LOOK_EVERY_S)
        with calling(server):
            erasure = _profiles(server).get_erasure(pb.GetErasureRequest(id=erasure.id), headers=server.headers).erasure
    return erasure


def _tell(erasure: pb.Erasure, *, as_json: bool) -> None:
    if as_json:
        print_json(MessageToDict(erasure))
    else:
        typer.echo(erasure_text(erasure), nl=False)


def _profiles(server: Server) -> ProfilesServiceClientSync:
    return ProfilesServiceClientSync(server.url, timeout_ms=CALL_TIMEOUT_MS, http_client=sync_http(server.ca_certificate))
