"""Opens connections to ClickHouse by the URL's scheme: `chdb:///folder` in this process, anything else on a server."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from core.clickhouse import ClickHouse


def open_clickhouse(url: str, *, connections: int, memory_bytes: int) -> ClickHouse:
    """A pool of connections to the ClickHouse at the URL; `memory_bytes` bounds the embedded engine as a whole."""
    parts = urlsplit(url)
    if parts.scheme != "chdb":
        return ClickHouse(lambda: clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False), connections)
    return ClickHouse(_embedded(Path(parts.path), memory_bytes), connections)


def _embedded(folder: Path, memory_bytes: int) -> Callable[[], Client]:
    folder.mkdir(parents=True, exist_ok=True)
    config = folder.parent / f"{folder.name}.xml"
    config.write_text(f"<clickhouse><max_server_memory_usage>{escape(str(memory_bytes))}</max_server_memory_usage></clickhouse>\n")
    return lambda: clickhouse_connect.get_client(interface="chdb", path=str(folder), chdb_options={"config-file": str(config)})
