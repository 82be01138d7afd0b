import asyncio
import socket
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest_asyncio

from app.silence import Patience, sweep

AT_ONCE, NEVER = timedelta(0), timedelta(days=1)


class Server:
    """Echoes what it hears."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.clients: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def connect(self, said: bytes = b"") -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.clients.append((reader, writer))
        writer.write(said)
        # The server has it, and so has the connection.
        if said:
            assert await reader.readexactly(len(said)) == said
        return reader


@pytest_asyncio.fixture
async def server() -> AsyncGenerator[Server]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while heard := await reader.read(100):
            writer.write(heard)
        writer.close()

    listener = await asyncio.start_server(echo, "127.0.0.1", 0)
    running = Server(listener.sockets[0].getsockname()[1])
    yield running
    for _, writer in running.clients:
        writer.close()
    listener.close()


async def is_ended(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(5):
        return await reader.read(1) == b""


async def test_a_connection_that_never_said_anything_is_ended(server: Server) -> None:
    silent = await server.connect()
    await server.connect(b"hello")

    ended = sweep(server.port, Patience(at_first=AT_ONCE, between_requests=NEVER))

    assert ended == 1
    assert await is_ended(silent)


async def test_a_connection_that_stopped_talking_long_ago_is_ended(server: Server) -> None:
    talker = await server.connect(b"hello")

    ended = sweep(server.port, Patience(between_requests=AT_ONCE))

    assert ended == 1
    assert await is_ended(talker)


async def test_a_few_who_need_a_moment_get_it(server: Server) -> None:
    await server.connect()

    assert sweep(server.port, Patience(at_first=NEVER, at_first_in_a_crowd=AT_ONCE, crowd=1)) == 0


async def test_in_a_crowd_there_is_less_time(server: Server) -> None:
    crowd = [await server.connect() for _ in range(3)]

    ended = sweep(server.port, Patience(at_first=NEVER, at_first_in_a_crowd=AT_ONCE, crowd=2))

    assert ended == 3
    assert all([await is_ended(each) for each in crowd])


async def test_other_ports_and_their_listeners_are_left_alone(server: Server) -> None:
    await server.connect()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        assert sweep(port, Patience(at_first=AT_ONCE, between_requests=AT_ONCE)) == 0
        with socket.create_connection(("127.0.0.1", port)) as late:
            assert other.accept()[1] == late.getsockname()
