from collections.abc import AsyncGenerator
from types import SimpleNamespace

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from pug.accounts.v1 import accounts_pb2
from pug.insights.v1 import insights_pb2
from pug.insights.v1.insights_connect import InsightsServiceASGIApplication
from services.rpc.gate import Gate
from services.rpc.native import NativeServer
from services.rpc.service import Service

KEY = ("authorization", "Bearer sk_1")


@pytest_asyncio.fixture
async def channel(service: Service, gate: Gate) -> AsyncGenerator[grpc.aio.Channel]:
    """To a server of the service, and of another one that takes a MiB."""
    other = Service(
        insights_pb2.DESCRIPTOR.services_by_name["InsightsService"],
        InsightsServiceASGIApplication,
        SimpleNamespace(query=None, explain=None, list_persons=None, why_not=None, get_schema=None, list_property_values=None),
    )
    server = NativeServer([service, other], gate)
    port = await server.start("127.0.0.1:0", None)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(0)


async def call(channel: grpc.aio.Channel, method: str, body: bytes, *metadata: tuple[str, str]) -> bytes:
    rpc: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/pug.accounts.v1.AccountsService/{method}")
    return await rpc(body, metadata=metadata)


async def test_a_call_is_answered(channel: grpc.aio.Channel) -> None:
    assert await call(channel, "ListApiKeys", b"", KEY) == b""


async def test_two_credentials_are_refused(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(channel, "ListApiKeys", b"", KEY, KEY)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "Send one credential" in (refused.value.details() or "")


async def test_a_message_longer_than_its_service_takes_is_refused_though_another_would_take_it(channel: grpc.aio.Channel) -> None:
    body = accounts_pb2.CreateApiKeyRequest(label="x" * 1001).SerializeToString()

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(channel, "CreateApiKey", body, KEY)

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "body" in (refused.value.details() or "")


async def test_a_watch_of_health_is_refused_and_a_check_answered(channel: grpc.aio.Channel) -> None:
    watch: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream("/grpc.health.v1.Health/Watch")
    check: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/grpc.health.v1.Health/Check")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await watch(b"").read()

    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert HealthCheckResponse.FromString(await check(b"")).status == HealthCheckResponse.SERVING


async def test_so_many_who_read_the_contracts_without_end_leave_calls_their_places(service: Service, gate: Gate) -> None:
    server = NativeServer([service], gate, concurrent_rpcs=60)
    port = await server.start("127.0.0.1:0", None)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        reflection: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(path)
        readers = [reflection() for _ in range(50)]
        for reader in readers:
            await reader.write(ServerReflectionRequest(list_services="").SerializeToString())
            await reader.read()

        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await reflection().read()
        answer = await call(channel, "ListApiKeys", b"", KEY)

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert answer == b""
    await server.stop(0)
