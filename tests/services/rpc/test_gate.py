import contextlib

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from core.errors import CredentialInvalid, CredentialMissing, ScopeMissing
from pug.accounts.v1 import accounts_pb2
from pug.capture.v1 import capture_pb2
from pug.dashboards.v1 import dashboards_pb2
from pug.insights.v1 import insights_pb2
from services.rpc.call import Credential, Project, Scope, Sender
from services.rpc.gate import Gate, needed_scopes, request_id_of

SERVICES = [
    capture_pb2.DESCRIPTOR.services_by_name["CaptureService"],
    insights_pb2.DESCRIPTOR.services_by_name["InsightsService"],
    accounts_pb2.DESCRIPTOR.services_by_name["AccountsService"],
    dashboards_pb2.DESCRIPTOR.services_by_name["DashboardsService"],
]
KEYS = {
    "pk_1": frozenset({Scope.CAPTURE}),
    "sk_read": frozenset({Scope.READ}),
    "sk_edit": frozenset({Scope.EDIT}),
    "sk_admin": frozenset({Scope.ADMIN}),
    "sk_all": frozenset({Scope.READ, Scope.EDIT, Scope.ADMIN}),
    "sh_1": frozenset({Scope.SHARE}),
}


async def find(token: str) -> Credential | None:
    return Credential(token, Project(7, "UTC"), KEYS[token]) if token in KEYS else None


@pytest.mark.parametrize("token", KEYS)
@pytest.mark.parametrize(("method", "needed"), needed_scopes(SERVICES).items())
async def test_every_rpc_opens_to_exactly_the_keys_that_hold_its_scope(method: str, needed: Scope, token: str) -> None:
    gate = Gate(find, SERVICES)

    if needed is Scope.PUBLIC:
        assert (await gate.admit(method, Sender(headers={"authorization": f"Bearer {token}"}), "r", None)).credential.project is None
    elif needed in KEYS[token]:
        assert (await gate.admit(method, Sender(headers={"authorization": f"Bearer {token}"}), "r", None)).project.id == 7
    else:
        with pytest.raises(ScopeMissing):
            await gate.admit(method, Sender(headers={"authorization": f"Bearer {token}"}), "r", None)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic pk_1", "pk_1"])
async def test_a_request_without_a_bearer_token_is_told_how_to_send_one(header: str | None) -> None:
    with pytest.raises(CredentialMissing) as refused:
        await Gate(find, SERVICES).admit(
            "/pug.capture.v1.CaptureService/Capture", Sender(headers={} if header is None else {"authorization": header}), "r", None
        )

    assert refused.value.field == "authorization"
    assert "Bearer" in refused.value.hint


@pytest.mark.parametrize(("token", "hint"), [("pk_2", "pug keys create"), ("at_2", "RefreshSession"), ("sh_2", "link"), ("x", "key")])
async def test_who_holds_an_unknown_token_is_told_where_to_get_another(token: str, hint: str) -> None:
    with pytest.raises(CredentialInvalid) as refused:
        await Gate(find, SERVICES).admit(
            "/pug.capture.v1.CaptureService/Capture", Sender(headers={"authorization": f"Bearer {token}"}), "r", None
        )

    assert hint in refused.value.hint


async def test_who_is_admitted_is_noted_and_who_is_not_isn_t() -> None:
    noted: list[str] = []
    gate = Gate(find, SERVICES, on_admitted=lambda credential: noted.append(credential.key_id))

    for token in ("pk_1", "sk_read"):
        with contextlib.suppress(ScopeMissing):
            await gate.admit("/pug.capture.v1.CaptureService/Capture", Sender(headers={"authorization": f"Bearer {token}"}), "r", None)

    assert noted == ["pk_1"]


def test_a_service_with_an_rpc_that_declares_no_scope_is_refused_at_start() -> None:
    file = descriptor_pb2.FileDescriptorProto(
        name="open.proto", package="test.open.v1", message_type=[descriptor_pb2.DescriptorProto(name="Nothing")]
    )
    service = file.service.add(name="OpenService")
    service.method.add(name="Leak", input_type=".test.open.v1.Nothing", output_type=".test.open.v1.Nothing")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)

    with pytest.raises(RuntimeError, match=r"OpenService\.Leak declares no scope"):
        Gate(find, [pool.FindServiceByName("test.open.v1.OpenService")])


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\nb", 'a"b'])
def test_a_request_id_that_could_spoil_a_log_is_replaced(given: str) -> None:
    assert request_id_of({"x-request-id": given}) != given


def test_a_plain_request_id_of_the_callers_is_kept() -> None:
    assert request_id_of({"x-request-id": "job-42.1"}) == "job-42.1"


@pytest.mark.parametrize("token", ["pk_" + "x" * 98, "x", "rt_1", "ml_1", "'; DROP TABLE api_keys; --"])
async def test_what_cannot_be_a_key_is_refused_without_looking_it_up(token: str) -> None:
    async def fail(_token: str) -> Credential | None:
        pytest.fail("looked up")

    with pytest.raises(CredentialInvalid):
        await Gate(fail, SERVICES).admit(
            "/pug.capture.v1.CaptureService/Capture", Sender(headers={"authorization": f"Bearer {token}"}), "r", None
        )
