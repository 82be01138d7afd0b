"""How bodies may be compressed.

The limit holds for what comes out too: nothing is unpacked beyond it. How much work that is has limits of its own, because what comes out
says nothing of it: a frame that holds nothing takes a microsecond, and a block seven, whatever it holds (docs/decisions/0013).
"""

import sys
import time
import zlib
from collections.abc import Callable
from typing import Protocol, cast

import brotli
import zstandard
from connectrpc.code import Code
from connectrpc.compression import Compression
from connectrpc.compression.brotli import BrotliCompression
from connectrpc.compression.gzip import GzipCompression
from connectrpc.compression.zstd import ZstdCompression
from connectrpc.errors import ConnectError

# Frames of zstd, members of gzip. Most compressors make one of a body; bgzip makes 18 of a MiB.
MOST_FRAMES = 64
# Who flushes after each event of a batch makes 1,000.
MOST_BLOCKS = 2_048

# What RFC 8878 asks every decoder to allow; a frame that wants more would have us reserve up to 128 MiB for it.
_ZSTD_WINDOW = 8 * 2**20
_ZSTD_PIECE = 128 * 1024
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)
_LONGEST_HEADER = 18
_RLE = 1

_GZIP = 31  # zlib's number for data with a header of gzip
_GZIP_PIECE = 16 * 1024

# CPU time for Brotli: to begin with, for each byte that goes in, and for each that comes out. What encoders make takes a fifth of it.
_BR_S = 5e-3
_BR_S_PER_BYTE_IN = 50e-9
_BR_S_PER_BYTE_OUT = 10e-9
_BR_PIECE = 512
# No piece takes longer of its own; what does is Python, collecting garbage meanwhile.
_BR_LONGEST_PIECE_S = 2e-3


class TooLaborious(ConnectError):
    """A body would take longer to unpack than its size allows; the message says what about it."""

    def __init__(self, encoding: str, why: str) -> None:
        super().__init__(Code.INVALID_ARGUMENT, why)
        self.encoding = encoding


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


class _Unpacked:
    """What came out so far. For one byte more than `most` there is room, and that is one too many."""

    __slots__ = ("_most", "_parts", "room")

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._parts: list[bytes] = []
        self.room = sys.maxsize if most is None else most + 1

    def add(self, part: bytes) -> None:
        self._parts.append(part)
        self.room -= len(part)
        if self.room <= 0:
            raise ConnectError(Code.RESOURCE_EXHAUSTED, f"message is larger than configured max {self._most}")

    def whole(self) -> bytes:
        return b"".join(self._parts)


class _PiecewiseGzip(GzipCompression):
    """gzip that reads a body in pieces; connectrpc's copies all that is left of it after each member."""

    def decompress(self, data: bytes | bytearray | memoryview, read_max_bytes: int | None = None) -> bytes:
        body, unpacked = memoryview(data), _Unpacked(read_max_bytes)
        at = members = 0
        while at < len(body):
            members += 1
            if members > MOST_FRAMES:
                raise TooLaborious(self.name(), f"has more than {MOST_FRAMES} members")
            member = zlib.decompressobj(wbits=_GZIP)
            while not member.eof:
                piece = body[at : at + _GZIP_PIECE]
                if not piece:
                    raise EOFError
                unpacked.add(member.decompress(piece, unpacked.room))
                at += len(piece) - len(member.unused_data)
        return unpacked.whole()


class _WholeZstd(ZstdCompression):
    """Zstandard that notices when a frame is cut off, and reads all frames of a body; connectrpc's takes the start for the whole."""

    def decompress(self, data: bytes | bytearray | memoryview, read_max_bytes: int | None = None) -> bytes:
        body, unpacked = memoryview(data), _Unpacked(read_max_bytes)
        self._check_frames(body)
        with zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(body, read_across_frames=True) as reader:
            while part := reader.read(min(unpacked.room, _ZSTD_PIECE)):
                unpacked.add(part)
        return unpacked.whole()

    def _check_frames(self, body: memoryview) -> None:
        at = frames = blocks = 0
        while at < len(body):
            length, inside = _first_frame(body[at:])
            at, frames, blocks = at + length, frames + 1, blocks + inside
            if frames > MOST_FRAMES:
                raise TooLaborious(self.name(), f"has more than {MOST_FRAMES} frames")
            if blocks > MOST_BLOCKS:
                raise TooLaborious(self.name(), f"has more than {MOST_BLOCKS:,} blocks")
        if at > len(body):
            raise EOFError


def _first_frame(body: memoryview) -> tuple[int, int]:
    """How long the first frame says it is, and how many blocks it has, up to one more than may be; nothing is unpacked for it."""
    start = body[:_LONGEST_HEADER]
    if int.from_bytes(start[:4], "little") in _SKIPPABLE:
        return 8 + int.from_bytes(start[4:8], "little"), 0
    checksum = 4 * zstandard.get_frame_parameters(start).has_checksum
    length, blocks, is_last = zstandard.frame_header_size(start), 0, False
    while not is_last and blocks <= MOST_BLOCKS:
        if length >= len(body):
            raise EOFError
        head = int.from_bytes(body[length : length + 3], "little")
        length += 3 + (1 if head >> 1 & 3 == _RLE else head >> 3)
        blocks, is_last = blocks + 1, bool(head & 1)
    return length + checksum, blocks


class _BrotliDecompressor(Protocol):
    """What we use of the library's, which has no types."""

    def process(self, piece: memoryview, *, output_buffer_limit: int) -> bytes: ...

    def is_finished(self) -> bool: ...


class _PromptBrotli(BrotliCompression):
    """Brotli that is stopped when it takes far longer than so many bytes of an encoder's would.

    80 bytes can have it put 16,384 numbers in order and then use none of them, again and again, and nobody but the decoder knows where such
    a block begins. So there is no number to limit: its own CPU time is what is limited, in which the load of the machine doesn't count.
    """

    def __init__(self, cpu_s: Callable[[], float] = time.thread_time) -> None:
        super().__init__()
        self._cpu_s = cpu_s

    def decompress(self, data: bytes | bytearray | memoryview, read_max_bytes: int | None = None) -> bytes:
        body, unpacked = memoryview(data), _Unpacked(read_max_bytes)
        decompressor = cast("_BrotliDecompressor", brotli.Decompressor())
        left_s = _BR_S + _BR_S_PER_BYTE_IN * len(body)
        for at in range(0, len(body), _BR_PIECE):
            began = self._cpu_s()
            part = decompressor.process(body[at : at + _BR_PIECE], output_buffer_limit=unpacked.room)
            left_s += _BR_S_PER_BYTE_OUT * len(part) - min(self._cpu_s() - began, _BR_LONGEST_PIECE_S)
            if left_s < 0:
                raise TooLaborious(self.name(), "takes too long to unpack")
            unpacked.add(part)
        if not decompressor.is_finished():
            raise EOFError
        return unpacked.whole()


COMPRESSIONS: tuple[Compression, ...] = tuple(_Named(each) for each in (_PiecewiseGzip(), _WholeZstd(), _PromptBrotli()))
ENCODINGS = ", ".join(compression.name() for compression in COMPRESSIONS)
