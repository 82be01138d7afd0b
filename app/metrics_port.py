"""Serves metrics to Prometheus on a port of their own, from a thread: it answers however busy the event loop is."""

import errno
import socketserver
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from socket import AF_INET, AF_INET6, AddressFamily

from prometheus_client import CollectorRegistry, Metric, MetricsHandler

from core.errors import SettingsInvalid
from core.settings import Settings

_TRIES = 32
_SETTING = "PUG_METRICS_PORT"


class MetricsPort:
    """Listens from the start, and answers every GET with what the registry collects."""

    def __init__(self, settings: Settings, registry: CollectorRegistry) -> None:
        """The default port is for the first process of a machine: the others take the next free one. A port that was set is that port."""
        self._host = settings.metrics_host
        wanted = int(settings.metrics_port)
        chosen = "metrics_port" in settings.model_fields_set or not wanted
        self._server = _bind(self._host, [wanted] if chosen else range(wanted, wanted + _TRIES), registry)
        # It looks whether it should stop every so many seconds.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="metrics", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it got."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where to ask from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 (a comparison, not a binding)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/metrics"

    def close(self) -> None:
        """Stop listening; answers under way are given up."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class OneAtATime(CollectorRegistry):
    """Collects for one asker after the other: the OpenTelemetry reader would give one of two at once the numbers of both."""

    def __init__(self) -> None:
        super().__init__()
        self._collecting = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """Everything that is registered."""
        with self._collecting:
            return iter(list(super().collect()))


class _Handler(MetricsHandler):
    # Seconds a connection may be silent.
    timeout = 10


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, registry: CollectorRegistry, family: AddressFamily) -> None:
        self.address_family = family
        super().__init__((host, port), _Handler.factory(registry))

    def server_bind(self) -> None:
        # HTTPServer would look up the host's name, which takes seconds where names aren't resolved.
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: whoever left before the answer is no concern of the log."""


def _bind(host: str, ports: range | list[int], registry: CollectorRegistry) -> _Server:
    for port in ports:
        try:
            return _Server(host, port, registry, AF_INET6 if ":" in host else AF_INET)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or port == ports[-1]:
                hint = f"Set {_SETTING} to a free port, to 0 for any, or to off; PUG_METRICS_HOST to an address of this machine."
                where = f"{host} port {port}"
                raise SettingsInvalid(f"Metrics cannot be served at {where}: {error.strerror}.", field=_SETTING, hint=hint) from error
    raise AssertionError(ports)
