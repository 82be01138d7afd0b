"""How bodies may be compressed. The limit holds for what comes out too: nothing is unpacked beyond it."""

import zstandard
from connectrpc.code import Code
from connectrpc.compression import Compression
from connectrpc.compression.brotli import BrotliCompression
from connectrpc.compression.gzip import GzipCompression
from connectrpc.compression.zstd import ZstdCompression
from connectrpc.errors import ConnectError

# What RFC 8878 asks every decoder to allow; a frame that wants more would have us reserve up to 128 MiB for it.
_ZSTD_WINDOW = 8 * 2**20


class _Named(Compression):
    """Says of which encoding a body isn't, in place of what its library says."""

    def __init__(self, compression: Compression) -> None:
        self._compression = compression

    def name(self) -> str:
        return self._compression.name()

    def compress(self, data: bytes | bytearray | memoryview) -> bytes:
        return self._compression.compress(data)

    def decompress(self, data: bytes | bytearray | memoryview, read_max_bytes: int | None = None) -> bytes:
        try:
            return self._compression.decompress(data, read_max_bytes)
        except ConnectError:
            raise
        except Exception as error:
            raise ConnectError(Code.INVALID_ARGUMENT, f"decompress: {self.name()}") from error


class _WholeZstd(ZstdCompression):
    """Zstandard that notices when a frame is cut off, and reads all frames of a body; connectrpc's takes the start for the whole."""

    def decompress(self, data: bytes | bytearray | memoryview, read_max_bytes: int | None = None) -> bytes:
        decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        if read_max_bytes is not None:
            _check_length(decompressor, data, read_max_bytes)
        parts: list[bytes] = []
        rest = bytes(data)
        while rest:
            frame = decompressor.decompressobj()
            parts.append(frame.decompress(rest))
            if not frame.eof:
                msg = "the body ends inside a frame"
                raise zstandard.ZstdError(msg)
            rest = frame.unused_data
        return b"".join(parts)


def _check_length(decompressor: zstandard.ZstdDecompressor, data: bytes | bytearray | memoryview, most: int) -> None:
    """Only a reader can be told to stop; only a frame object knows whether it is whole. What passes here is short, and read twice."""
    with decompressor.stream_reader(data, read_across_frames=True) as reader:
        left = most + 1
        while left > 0:
            size = len(reader.read(left))
            if not size:
                return
            left -= size
    raise ConnectError(Code.RESOURCE_EXHAUSTED, f"message is larger than configured max {most}")


COMPRESSIONS: tuple[Compression, ...] = tuple(_Named(each) for each in (GzipCompression(), _WholeZstd(), BrotliCompression()))
ENCODINGS = ", ".join(compression.name() for compression in COMPRESSIONS)
