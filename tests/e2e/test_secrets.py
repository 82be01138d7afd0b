"""Whatever is called, and however it goes wrong: no log, trace or metric holds a key, a password or anybody's data."""

import asyncio
import json
import quopri
import re
import threading
import time
import uuid
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from google.protobuf.descriptor import MethodDescriptor

from otlp_collector import Collector
from pug.accounts.v1.accounts_pb2 import DESCRIPTOR as ACCOUNTS
from pug.capture.v1.capture_pb2 import DESCRIPTOR as CAPTURE
from pug.dashboards.v1.dashboards_pb2 import DESCRIPTOR as DASHBOARDS
from pug.insights.v1.insights_pb2 import DESCRIPTOR as INSIGHTS
from pug.profiles.v1.profiles_pb2 import DESCRIPTOR as PROFILES
from pug_process import PugProcess
from smtp_server import SmtpInbox, smtp_server

# Part of everything that is said of somebody here.
MARK = "m4rked"
EMAIL = f"ada-{MARK}@example.com"
PASSWORD = f"correct horse {MARK}"
TOKEN = re.compile(r"\b(?:pk|sk|at|rt|sh|ml|iv)_[0-9a-f]{40}\b")
METHODS = [
    method
    for file in (ACCOUNTS, CAPTURE, DASHBOARDS, INSIGHTS, PROFILES)
    for service in file.services_by_name.values()
    for method in service.methods
]


@contextmanager
def mail_server() -> Generator[SmtpInbox]:
    """In a thread of its own."""
    ready, inboxes = threading.Event(), list[SmtpInbox]()
    loop = asyncio.new_event_loop()
    ending = asyncio.Event()

    async def serve() -> None:
        async with smtp_server() as inbox:
            inboxes.append(inbox)
            ready.set()
            await ending.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield inboxes[0]
    loop.call_soon_threadsafe(ending.set)
    thread.join(10)


@dataclass
class Scene:
    """A Pug that logs all it can, and all the tokens it gave away."""

    pug: PugProcess
    inbox: SmtpInbox
    collector: Collector
    log: Path
    tokens: set[str] = field(default_factory=set[str])
    # What others than who sent the mark are told.
    errors: list[str] = field(default_factory=list[str])

    def call(self, path: str, body: object, token: str = "", **headers: str) -> Any:  # noqa: ANN401 (each answers something else)
        given = {"Content-Type": "application/json", **headers} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            with urlopen(Request(f"{self.pug.notes['http_url']}{path}", data, given), timeout=30) as answer:
                text = answer.read().decode(errors="replace")
        except HTTPError as error:
            text = error.read().decode(errors="replace")
            self.errors.append(text)
        self.tokens |= set(TOKEN.findall(text))
        return json.loads(text) if text.startswith("{") else text

    def mailed(self, count: int) -> str:
        """The token in the latest mail, once there are so many."""
        deadline = time.monotonic() + 20
        while len(self.inbox.mails) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        token = TOKEN.findall(quopri.decodestring(self.inbox.mails[count - 1]).decode())[-1]
        self.tokens.add(token)
        return token

    def told(self) -> Mapping[str, bytes]:
        """Everything that Pug and its engines wrote about it."""
        files = [self.log, *self.pug.data_dir.glob("*.log*"), *(self.pug.data_dir / "nats").glob("*.log*")]
        with urlopen(self.pug.notes["metrics_url"], timeout=10) as answer:
            metrics = answer.read()
        traces = b"".join(request.SerializeToString() for request in self.collector.traces)
        return {**{path.name: path.read_bytes() for path in files}, "metrics": metrics, "traces": traces}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Generator[Scene]:
    folder = tmp_path_factory.mktemp("secrets")
    with mail_server() as inbox, Collector() as collector:
        settings = {
            "PUG_LOG_LEVEL": "debug",
            "PUG_LOG_FORMAT": "json",
            "PUG_SMTP_URL": f"smtp://pug:{MARK}@127.0.0.1:{inbox.port}",
            "PUG_MAIL_FROM": "pug@example.com",
            "PUG_PUBLIC_URL": "https://pug.example.com",
            "PUG_PEER_CALLS_PER_SECOND": "1000",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces",
        }
        pug = PugProcess(folder / "data", settings, log=folder / "pug.log")
        pug.start()
        yield Scene(pug, inbox, collector, folder / "pug.log", tokens={pug.notes["write_key"], pug.notes["secret_key"]})
        assert pug.stop() == 0


def path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def rpc(service: str, name: str) -> str:
    return f"/pug.{service}.v1.{service.capitalize()}Service/{name}"


def live(scene: Scene) -> Iterable[str]:
    """Somebody signs up, is invited, makes keys, sends events and shares a board; the tokens of all that."""
    scene.call(rpc("accounts", "SignUp"), {"email": EMAIL, "password": PASSWORD, "name": f"Ada {MARK}"})
    signed_in = scene.call(rpc("accounts", "CompleteMagicLink"), {"token": scene.mailed(1)})["session"]
    access = signed_in["accessToken"]
    scene.call(rpc("accounts", "SignIn"), {"email": EMAIL, "password": f"wrong {PASSWORD}"})
    scene.call(rpc("accounts", "SignIn"), {"email": EMAIL, "password": PASSWORD})
    scene.call(rpc("accounts", "InviteMember"), {"email": f"bob-{MARK}@example.com"}, access)
    scene.call(rpc("accounts", "AcceptInvitation"), {"token": scene.mailed(2)})
    key = scene.call(rpc("accounts", "CreateApiKey"), {"kind": "KIND_SECRET", "scopes": ["SCOPE_READ"], "label": MARK}, access)["token"]
    write = scene.call(rpc("accounts", "CreateProject"), {"name": MARK}, access)["writeKey"]
    event = {"name": MARK, "distinctId": f"ann-{MARK}", "properties": {"email": EMAIL, MARK: MARK}}
    agent = f"Browser {MARK}"
    scene.call(rpc("capture", "Capture"), {"events": [event]}, write, **{"User-Agent": agent, "X-Forwarded-For": "203.0.113.9"})
    scene.call(f"{rpc('capture', 'Capture')}?key={write}", {"events": [event]}, Referer=f"https://example.com/?{MARK}")
    scene.call(rpc("profiles", "Identify"), {"distinctId": f"ann-{MARK}", "externalId": EMAIL, "traits": {"name": MARK}}, write)
    by = {"property": MARK, "op": "OP_MATCHES", "values": [f"{MARK}("]}
    asked = {"insight": {"trends": {"series": [{"event": {"name": MARK, "filters": [by]}}]}}, "preset": "PRESET_TODAY"}
    scene.call(rpc("insights", "Query"), asked, key)
    board = scene.call(rpc("dashboards", "CreateDashboard"), {"name": MARK, "tiles": [{"markdown": MARK}]}, scene.pug.notes["secret_key"])
    shared = scene.call(rpc("dashboards", "ShareDashboard"), {"id": board["dashboard"]["id"]}, scene.pug.notes["secret_key"])["token"]
    refreshed = scene.call(rpc("accounts", "RefreshSession"), {"refreshToken": signed_in["refreshToken"]})["session"]
    scene.call(rpc("accounts", "RefreshSession"), {"refreshToken": signed_in["refreshToken"]})
    return [access, refreshed["refreshToken"], key, write, shared, f"sk_{MARK}", f"at_{'0' * 40}"]


def bodies(method: MethodDescriptor) -> Iterable[bytes]:
    """Requests that say the mark in every field, rightly or not, and some that cannot be read."""
    yield json.dumps({each.json_name: MARK for each in method.input_type.fields}).encode()
    yield json.dumps({each.json_name: [{MARK: MARK}] for each in method.input_type.fields}).encode()
    yield f'{{"{MARK}": "{EMAIL}"'.encode()
    yield f"\xff{MARK}".encode("latin-1")


def test_nothing_that_is_said_to_any_rpc_is_written_anywhere_but_in_the_stores(scene: Scene) -> None:
    tokens = [*live(scene), scene.pug.notes["secret_key"], ""]
    for method in METHODS:
        for body in bodies(method):
            for token in tokens:
                scene.call(path(method), body, token, **{"X-Request-Id": uuid.uuid4().hex, "X-Pug-Project": MARK, "Cookie": MARK})
    time.sleep(6)

    told = scene.told()

    assert {"metrics", "traces", "pug.log", "postgres.log", "nats.log"} <= told.keys()
    assert len(told["pug.log"]) > 1_000
    assert len(told["traces"]) > 1_000
    assert len(scene.tokens) > 10
    secrets = {MARK, "203.0.113.9", *scene.tokens, *(token[3:] for token in scene.tokens)}
    assert [(name, secret) for name, content in told.items() for secret in sorted(secrets) if secret.encode() in content] == []


def test_no_error_says_a_token_or_a_password(scene: Scene) -> None:
    assert scene.errors
    assert [error for error in scene.errors if PASSWORD in error or any(token in error for token in scene.tokens)] == []
    assert not any('"internal"' in error for error in scene.errors)
