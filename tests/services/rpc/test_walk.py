"""Every RPC that Pug serves, called by everybody: it opens to who holds its scope, and what is others' is unknown."""

import base64
import json
import re
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
from google.protobuf.descriptor import MethodDescriptor
from google.rpc.status_pb2 import Status

from app.backends import Backends
from app.wiring import Edge, build_edge
from app.wiring import Role as Part
from core.instruments import Instruments
from core.settings import Settings
from everybody import ACCOUNTS, Everybody, Team, Who, bearer, gather_everybody
from pug.common.v1.error_info_pb2 import ErrorInfo
from services.rpc.call import Scope
from services.rpc.connect import connect_application
from services.rpc.gate import needed_scopes
from services.rpc.native import NativeServer
from services.rpc.standing import Role

PROFILES = "/pug.profiles.v1.ProfilesService"
DASHBOARDS = "/pug.dashboards.v1.DashboardsService"
INSIGHTS = "/pug.insights.v1.InsightsService"
EXPORT = f"{PROFILES}/ExportDataSubject"
LET_IN = "let in"
ABOUT = {Scope.READ, Scope.EDIT, Scope.ADMIN, Scope.ORG_READ, Scope.ORG_ADMIN, Scope.ORG_OWNER}
# Why a gate refuses; handlers are not reached, because no request here can be read.
MALFORMED = b"{"
MALFORMED_BINARY = b"\xff"
Knock = Callable[[MethodDescriptor, Mapping[str, str]], Awaitable[str]]


@pytest_asyncio.fixture(scope="module")
async def edge(backends: Backends, engine_settings: Settings) -> AsyncGenerator[Edge]:
    """All that Pug serves, as Pug wires it, open to as many calls as are made here."""
    settings = engine_settings.model_copy(update={"peer_calls_per_second": 1_000_000})
    edge = await build_edge(settings, backends, Instruments.none(), frozenset(Part))
    yield edge
    await edge.publisher.drain()


@pytest_asyncio.fixture(scope="module")
async def everybody(edge: Edge, backends: Backends) -> AsyncGenerator[Everybody]:
    application = httpx.ASGITransport(connect_application(edge.services, edge.gate, {}))
    async with httpx.AsyncClient(transport=application, base_url="http://pug") as client:
        yield await gather_everybody(client, edge, backends)


@pytest_asyncio.fixture(scope="module")
async def channel(edge: Edge) -> AsyncGenerator[grpc.aio.Channel]:
    server = NativeServer(edge.services, edge.gate)
    port = await server.start("127.0.0.1:0", None)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(1)


def methods(edge: Edge) -> list[MethodDescriptor]:
    return [method for service in edge.services for method in service.descriptor.methods]


def path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def over_connect(client: httpx.AsyncClient) -> Knock:
    async def knock(method: MethodDescriptor, headers: Mapping[str, str]) -> str:
        streams = method.client_streaming or method.server_streaming
        kind, body = ("connect+json", framed(MALFORMED)) if streams else ("json", MALFORMED)
        response = await client.post(path(method), content=body, headers={**headers, "content-type": f"application/{kind}"})
        return reason_of(unframed(response.content) if streams else response.json())

    return knock


def over_grpc(channel: grpc.aio.Channel) -> Knock:
    async def knock(method: MethodDescriptor, headers: Mapping[str, str]) -> str:
        try:
            await _over_grpc(channel, method, tuple(headers.items()))
        except grpc.aio.AioRpcError as error:
            trailers = dict(error.trailing_metadata() or ())
            status = Status.FromString(trailers["grpc-status-details-bin"])  # pyright: ignore[reportArgumentType] (bytes, as its name says)
            info = ErrorInfo()
            status.details[0].Unpack(info)
            return outcome(info.reason)
        return LET_IN

    return knock


async def _over_grpc(channel: grpc.aio.Channel, method: MethodDescriptor, metadata: tuple[tuple[str, str], ...]) -> None:
    if method.client_streaming:
        # No message at all: what is still being sent to a call that was refused would hide why.
        stream: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(path(method))
        async for _ in stream(iter(()), metadata=metadata):
            pass
    elif method.server_streaming:
        answers: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(path(method))
        async for _ in answers(MALFORMED_BINARY, metadata=metadata):
            pass
    else:
        unary: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path(method))
        await unary(MALFORMED_BINARY, metadata=metadata)


def framed(body: bytes) -> bytes:
    return b"\0" + len(body).to_bytes(4, "big") + body


def unframed(body: bytes) -> Any:  # noqa: ANN401 (JSON)
    """What ends a stream."""
    while len(body) > 5 + (length := int.from_bytes(body[1:5], "big")):
        body = body[5 + length :]
    return json.loads(body[5:]).get("error", {})


def reason_of(error: Any) -> str:  # noqa: ANN401 (JSON)
    details = error.get("details", [])
    return outcome(ErrorInfo.FromString(base64.b64decode(details[0]["value"] + "==")).reason if details else "")


def outcome(reason: str) -> str:
    """Whether a call was let in, and got as far as its unreadable request; otherwise why not."""
    return LET_IN if reason in {"", "MALFORMED_REQUEST"} else reason


def expected(who: Who, needed: Scope) -> str:
    if needed is Scope.PUBLIC:
        return LET_IN
    if who.refused:
        return who.refused
    if needed in ABOUT and who.elsewhere:
        return who.elsewhere
    return LET_IN if needed in who.holds else "SCOPE_MISSING"


@pytest.mark.parametrize("protocol", ["connect", "grpc"])
async def test_every_rpc_opens_to_exactly_those_who_hold_its_scope_before_the_request_is_read(
    edge: Edge, everybody: Everybody, channel: grpc.aio.Channel, protocol: str
) -> None:
    knock = over_connect(everybody.client) if protocol == "connect" else over_grpc(channel)
    scopes = needed_scopes(service.descriptor for service in edge.services)

    wrong = [
        (who.name, path(method), got, wanted)
        for who in everybody.who
        for method in methods(edge)
        if (got := await knock(method, who.headers)) != (wanted := expected(who, scopes[path(method)]))
    ]

    assert wrong == []


def test_all_of_the_contract_that_has_scopes_is_walked(edge: Edge, everybody: Everybody) -> None:
    names = {service.descriptor.name for service in edge.services}

    assert {"CaptureService", "InsightsService", "ProfilesService", "AccountsService"} <= names
    held = frozenset[str]().union(*(who.holds for who in everybody.who))
    used = set(needed_scopes(service.descriptor for service in edge.services).values())
    assert used - {Scope.PUBLIC, Scope.SHARE} <= held


ON_BOARDS = ("GetDashboard", "UpdateDashboard", "SetTiles", "ShareDashboard", "UnshareDashboard", "ExportDashboard")
# RPCs that take an id of something somebody else may have, with the field it is in.
LOOKS_UP = {
    (f"{ACCOUNTS}/SetMemberRole", "account_id"),
    (f"{ACCOUNTS}/RemoveMember", "account_id"),
    (f"{ACCOUNTS}/RevokeInvitation", "id"),
    (f"{ACCOUNTS}/RevokeApiKey", "id"),
    (f"{ACCOUNTS}/EndMySession", "id"),
    (f"{ACCOUNTS}/DeleteProject", "id"),
    (f"{ACCOUNTS}/GetProjectDeletion", "project_id"),
    (f"{PROFILES}/GetPerson", "person_id"),
    (f"{PROFILES}/GetPerson", "distinct_id"),
    (f"{PROFILES}/GetPerson", "external_id"),
    (f"{PROFILES}/ListPersonEvents", "person_id"),
    (f"{PROFILES}/ListPersonEvents", "external_id"),
    (f"{PROFILES}/Unmerge", "merge_id"),
    *((f"{PROFILES}/EraseDataSubject", field) for field in ("person_id", "distinct_id", "external_id")),
    (f"{PROFILES}/GetErasure", "id"),
    *((EXPORT, field) for field in ("person_id", "distinct_id", "external_id")),
    *((f"{DASHBOARDS}/{rpc}", "id") for rpc in (*ON_BOARDS, "DeleteDashboard", "UpdateSavedInsight", "DeleteSavedInsight")),
}
# Narrow down a list, which is empty for what is somebody else's.
NARROWS = {
    (f"{ACCOUNTS}/ListAuditEntries", "project_id"),
    (f"{PROFILES}/ListPersonEvents", "distinct_id"),
    # Who did nothing is as good as nobody.
    (f"{INSIGHTS}/WhyNot", "distinct_id"),
}
# What an RPC needs besides the id.
BESIDES: dict[str, dict[str, object]] = {
    f"{ACCOUNTS}/SetMemberRole": {"role": "ROLE_EDITOR"},
    f"{INSIGHTS}/WhyNot": {"query": {"insight": {"funnel": {"steps": [{}, {}]}}, "preset": "PRESET_TODAY"}},
}
# Whoever is named is made if they aren't there.
MAKES = {
    *((f"{PROFILES}/Identify", field) for field in ("distinct_id", "external_id")),
    (f"{PROFILES}/SetTraits", "distinct_id"),
    *((f"{PROFILES}/Merge", field) for field in ("from", "into")),
}


def ids_of(edge: Edge) -> Iterable[tuple[str, str]]:
    for method in methods(edge):
        # Of RenderDashboard tests/services/dashboards/test_rendering.py tells.
        for field in () if method.name == "RenderDashboard" else method.input_type.fields:
            if re.fullmatch(r"(.*_)?ids?|from|into", field.name):
                yield path(method), field.name


def test_no_rpc_that_takes_an_id_is_forgotten_here(edge: Edge) -> None:
    assert set(ids_of(edge)) == LOOKS_UP | NARROWS | MAKES


Ids = dict[tuple[str, str], str]


async def call(everybody: Everybody, rpc: str, token: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401 (each answers something else)
    response = await everybody.client.post(rpc, json=body, headers=bearer(token))
    assert response.status_code == 200, response.text
    return response.json()


async def streamed(everybody: Everybody, rpc: str, token: str, body: Mapping[str, object]) -> tuple[int, bytes]:
    """How a stream ended, with the status that an RPC of one answer would have had."""
    headers = bearer(token) | {"content-type": "application/connect+json"}
    response = await everybody.client.post(rpc, content=framed(json.dumps(body).encode()), headers=headers)
    error = unframed(response.content)
    return {"": 200, "not_found": 404}[error.get("code", "")], json.dumps(error).encode()


async def ids_in(everybody: Everybody, team: Team) -> Ids:
    """An id of each kind that works for the team."""
    owner, name = team.members[Role.OWNER], uuid.uuid4().hex
    people = {"distinctId": f"anon-{name}", "externalId": f"user-{name}"}
    person = (await call(everybody, f"{PROFILES}/Identify", team.keys.write_key, people))["personId"]
    merged = await call(everybody, f"{PROFILES}/Merge", owner, {"from": f"a-{name}", "into": f"b-{name}"})
    # Of somebody else: who is erased is found no more.
    gone = {"distinctId": f"gone-{name}", "externalId": f"gone-user-{name}"}
    gone_person = (await call(everybody, f"{PROFILES}/Identify", team.keys.write_key, gone))["personId"]
    await call(everybody, f"{PROFILES}/SetTraits", team.keys.write_key, {"distinctId": f"asked-{name}", "set": {"name": name}})
    erasure = (await call(everybody, f"{PROFILES}/EraseDataSubject", owner, {"distinctId": f"asked-{name}"}))["erasure"]["id"]
    invited = await call(everybody, f"{ACCOUNTS}/InviteMember", owner, {"email": f"{name}@example.com"})
    keys = (await call(everybody, f"{ACCOUNTS}/ListApiKeys", owner, {}))["apiKeys"]
    board = (await call(everybody, f"{DASHBOARDS}/CreateDashboard", owner, {"name": name}))["dashboard"]["id"]
    saved: dict[str, object] = {"name": name, "insight": {"trends": {"series": [{}]}}}
    saved_id = (await call(everybody, f"{DASHBOARDS}/CreateSavedInsight", owner, saved))["savedInsight"]["id"]
    viewer = (await call(everybody, f"{ACCOUNTS}/GetMe", team.members[Role.VIEWER], {}))["account"]["id"]
    sessions = (await call(everybody, f"{ACCOUNTS}/ListMySessions", owner, {}))["sessions"]
    gone_by = {"person_id": gone_person, "distinct_id": gone["distinctId"], "external_id": gone["externalId"]}
    deleted = (await call(everybody, f"{ACCOUNTS}/CreateProject", owner, {"name": name}))["project"]["id"]
    await call(everybody, f"{ACCOUNTS}/DeleteProject", owner, {"id": deleted, "name": name})
    by_field = {"person_id": person, "distinct_id": people["distinctId"], "external_id": people["externalId"]}
    return {
        (f"{ACCOUNTS}/SetMemberRole", "account_id"): viewer,
        (f"{ACCOUNTS}/RemoveMember", "account_id"): viewer,
        (f"{ACCOUNTS}/RevokeInvitation", "id"): invited["invitation"]["id"],
        (f"{ACCOUNTS}/RevokeApiKey", "id"): next(key["id"] for key in keys if key["kind"] == "KIND_WRITE"),
        (f"{ACCOUNTS}/EndMySession", "id"): sessions[0]["id"],
        (f"{ACCOUNTS}/DeleteProject", "id"): deleted,
        (f"{ACCOUNTS}/GetProjectDeletion", "project_id"): deleted,
        (f"{ACCOUNTS}/ListAuditEntries", "project_id"): team.keys.project_id,
        (f"{PROFILES}/Unmerge", "merge_id"): merged["merge"]["id"],
        **{(f"{PROFILES}/EraseDataSubject", field): value for field, value in gone_by.items()},
        (f"{PROFILES}/GetErasure", "id"): erasure,
        **{(f"{DASHBOARDS}/{rpc}", "id"): board for rpc in (*ON_BOARDS, "DeleteDashboard")},
        **{(f"{DASHBOARDS}/{rpc}", "id"): saved_id for rpc in ("UpdateSavedInsight", "DeleteSavedInsight")},
        (f"{INSIGHTS}/WhyNot", "distinct_id"): people["distinctId"],
        **{
            (f"{PROFILES}/{rpc}", field): value
            for rpc in ("GetPerson", "ListPersonEvents", "ExportDataSubject")
            for field, value in by_field.items()
        },
    }


def unknown_like(known: str) -> str:
    """An id of the same form that nobody has."""
    if known.isdecimal():
        return str(2**40)
    try:
        return str(uuid.uuid5(uuid.UUID(known), "unknown"))
    except ValueError:
        return known.translate(str.maketrans("0123456789abcdef", "123456789abcdef0"))


def camel_case(name: str) -> str:
    return re.sub(r"_(.)", lambda found: found[1].upper(), name)


def _without_cost(answer: bytes) -> bytes:
    """The answer but for what says how long it took, and until when it is complete."""
    return re.sub(rb'"(elapsed|completeUntil|rowsRead)": "[^"]*"', b"", answer)


async def test_what_is_others_is_as_unknown_byte_by_byte_as_what_is_not_there(everybody: Everybody) -> None:
    team = await everybody.door.team("Own")
    own, theirs = await ids_in(everybody, team), await ids_in(everybody, everybody.theirs)
    owner = team.members[Role.OWNER]

    async def answer(rpc: str, field: str, value: str) -> tuple[int, bytes]:
        body = {camel_case(field): value, **BESIDES.get(rpc, {})}
        if rpc == EXPORT:
            return await streamed(everybody, rpc, owner, body)
        response = await everybody.client.post(rpc, json=body, headers=bearer(owner))
        return response.status_code, _without_cost(response.content)

    for rpc, field in sorted(LOOKS_UP | NARROWS):
        of_others = await answer(rpc, field, theirs[rpc, field])
        of_nobody = await answer(rpc, field, unknown_like(theirs[rpc, field]))

        assert of_others == of_nobody, (rpc, field)
        assert of_others[0] == (404 if (rpc, field) in LOOKS_UP else 200), (rpc, field, of_others)
    # With one's own the same requests work; backwards, because members are removed after all else is done, and then sessions ended.
    for rpc, field in sorted(LOOKS_UP | NARROWS, key=lambda one: ("EndMySession" not in one[0], one), reverse=True):
        assert (await answer(rpc, field, own[rpc, field]))[0] == 200, (rpc, field)


@pytest.mark.parametrize("role", Role)
async def test_a_project_and_an_org_of_others_are_as_unknown_byte_by_byte_as_what_is_not_there(
    edge: Edge, everybody: Everybody, role: Role
) -> None:
    token, theirs = everybody.theirs.members[role], everybody.ours
    scopes = needed_scopes(service.descriptor for service in edge.services)
    about = [
        method for method in methods(edge) if scopes[path(method)] in ABOUT and not (method.client_streaming or method.server_streaming)
    ]

    for method in about:
        answers: set[tuple[int, bytes]] = set()
        for header, known in (("x_pug_project", theirs.keys.project_id), ("x_pug_org", theirs.org)):
            of_header: set[tuple[int, bytes]] = set()
            for value in (known, str(2**40), "nothing"):
                response = await everybody.client.post(path(method), json={}, headers=bearer(token, **{header: value}))
                of_header.add((response.status_code, response.content))
            assert len(of_header) == 1, (path(method), header)
            answers |= of_header
        assert {status for status, _ in answers} == {404}, path(method)
