"""ClickHouse's HTTP interface over chDB, so that the driver's HTTP path meets a real engine where there is no server.

Run as a script with a folder and perhaps a port: prints its port, and ends when its standard input does. It keeps nothing between requests,
buffers whole, and knows what the driver sends; it is no server for anything else. While there is a file `refuse` in the folder, every
request is refused with the error code that stands in it, or without one when it is empty.
"""

import gzip
import json
import re
import sys
import tempfile
import threading
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import parse_qsl, urlsplit

import chdb
import lz4.frame

# What the driver sends to the HTTP interface itself, not to the query.
TRANSPORT = {"query", "database", "client_protocol_version", "enable_http_compression", "session_id", "session_timeout", "query_id"} | {
    "send_progress_in_http_headers", "http_headers_progress_interval_ms", "wait_end_of_query", "role", "compress", "decompress",
}  # fmt: skip
INSERT = re.compile(r"\s*INSERT\s+INTO\b", re.IGNORECASE)
FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
INLINE = re.compile(rb"\s*(INSERT\s+INTO\b[^\n]*?\bFORMAT\s+\w+)[ \r]*\n", re.IGNORECASE)
CODE = re.compile(r"Code: (\d+)")


class Result(Protocol):
    def bytes(self) -> bytes: ...
    def storage_rows_read(self) -> int: ...
    def storage_bytes_read(self) -> int: ...


class Connection(Protocol):
    def query(self, query: str, output_format: str = ..., *, params: dict[str, str] | None = ...) -> Result: ...
    def close(self) -> None: ...


class Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine = ""
    refusal = Path()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        body = self.decompressed(self.body())
        if self.refusal.exists():
            self.reply(503, b"refused", {"X-ClickHouse-Exception-Code": code} if (code := self.refusal.read_text()) else {})
            return
        options = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if self.headers.get_content_type() == "multipart/form-data":
            # How the driver sends a query whose values are too long for an address.
            options, body = options | self.fields(body), b""
        try:
            result = self.run(options, body)
        except RuntimeError as error:
            self.fail(str(error))
            return
        summary = {
            "read_rows": str(result.storage_rows_read()),
            "read_bytes": str(result.storage_bytes_read()),
            "written_rows": "0",
            "elapsed_ns": "0",
        }
        self.reply(200, result.bytes(), {"X-ClickHouse-Summary": json.dumps(summary), "X-ClickHouse-Timezone": "UTC"})

    def run(self, options: dict[str, str], body: bytes) -> Result:
        # A connection of its own for each request: what SET changes ends with it.
        connection = cast("Connection", chdb.connect(self.engine))
        try:
            for name, value in options.items():
                if name not in TRANSPORT and not name.startswith("param_"):
                    connection.query(f"SET {name} = {quoted(value)}")
            if "query" not in options and (inline := INLINE.match(body)):
                return insert(connection, inline[1].decode(), body[inline.end() :])
            if INSERT.match(options.get("query", "")):
                return insert(connection, options["query"], body)
            params = {name.removeprefix("param_"): value for name, value in options.items() if name.startswith("param_")}
            return connection.query(options.get("query", "") + body.decode(), "TabSeparated", params=params)
        finally:
            connection.close()

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks: list[bytes] = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def fields(self, body: bytes) -> dict[str, str]:
        message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode() + body)
        parts = cast("list[EmailMessage]", message.get_payload())
        return {
            str(part.get_param("name", header="Content-Disposition")): cast("bytes", part.get_payload(decode=True)).decode()
            for part in parts
        }

    def decompressed(self, body: bytes) -> bytes:
        match self.headers.get("Content-Encoding", ""):
            case "lz4":
                return every_frame(body)
            case "gzip":
                return gzip.decompress(body)
            case "":
                return body
            case other:
                raise NotImplementedError(other)

    def fail(self, message: str) -> None:
        code = CODE.search(message)
        self.reply(500, message.encode(), {"X-ClickHouse-Exception-Code": code[1] if code else "1002"})

    def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        if "gzip" in self.headers.get("Accept-Encoding", "") and "enable_http_compression=1" in self.path:
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Say nothing."""


def insert(connection: Connection, query: str, body: bytes) -> Result:
    # Through a file: data written behind the query ends, without an error, at the first two line feeds in it.
    found = FORMAT.search(query)
    if found is None:
        return connection.query(query + body.decode())
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(body)
        file.flush()
        return connection.query(f"{query[: found.start()]} FROM INFILE {quoted(file.name)} FORMAT {found[1]}")


def every_frame(body: bytes) -> bytes:
    # The driver sends one frame per block, and lz4.frame.decompress would read the first of them only.
    blocks: list[bytes] = []
    while body:
        frame = lz4.frame.LZ4FrameDecompressor()
        blocks.append(cast("bytes", frame.decompress(body)))
        body = bytes(frame.unused_data or b"")
    return b"".join(blocks)


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def main(folder: str, port: str = "0") -> None:
    Front.engine, Front.refusal = str(Path(folder) / "clickhouse"), Path(folder) / "refuse"
    keep_open = chdb.connect(Front.engine)
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Front)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.shutdown()
    keep_open.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
