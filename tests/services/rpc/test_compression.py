import gzip

import brotli
import pytest
import zstandard
from connectrpc.code import Code
from connectrpc.compression import Compression
from connectrpc.errors import ConnectError

from services.rpc.compression import COMPRESSIONS, ENCODINGS

BODY = b'{"events":[]}' * 1_000
BOMB = bytes(200 * 2**20)
ZIPPED_BOMBS: dict[str, bytes] = {"gzip": gzip.compress(BOMB), "zstd": zstandard.compress(BOMB), "br": brotli.compress(BOMB, quality=5)}

each = pytest.mark.parametrize("compression", COMPRESSIONS, ids=[compression.name() for compression in COMPRESSIONS])


def test_three_encodings_are_known() -> None:
    assert ENCODINGS == "gzip, zstd, br"


@each
def test_a_body_comes_out_as_it_went_in(compression: Compression) -> None:
    assert compression.decompress(compression.compress(BODY), len(BODY)) == BODY


@each
def test_a_bomb_is_stopped_at_the_limit(compression: Compression) -> None:
    bomb = ZIPPED_BOMBS[compression.name()]
    assert len(bomb) < 2**20

    with pytest.raises(ConnectError) as refused:
        compression.decompress(bomb, 2**20)

    assert refused.value.code is Code.RESOURCE_EXHAUSTED


@each
def test_one_byte_beyond_the_limit_is_too_much(compression: Compression) -> None:
    with pytest.raises(ConnectError) as refused:
        compression.decompress(compression.compress(BODY), len(BODY) - 1)

    assert refused.value.code is Code.RESOURCE_EXHAUSTED


@each
@pytest.mark.parametrize(("before", "kept", "after"), [(b"", -1, b""), (b"{}", None, b""), (b"{}", 0, b""), (b"", None, b"{}")])
def test_what_is_cut_off_or_something_else_is_refused_by_the_name_of_its_encoding(
    compression: Compression, before: bytes, kept: int | None, after: bytes
) -> None:
    with pytest.raises(ConnectError) as refused:
        compression.decompress(before + compression.compress(BODY)[:kept] + after, 2**20)

    assert (refused.value.code, refused.value.message) == (Code.INVALID_ARGUMENT, f"decompress: {compression.name()}")


@pytest.mark.parametrize("compression", COMPRESSIONS[:2], ids=["gzip", "zstd"])
def test_a_body_in_two_parts_is_read_whole(compression: Compression) -> None:
    assert compression.decompress(compression.compress(b"one ") + compression.compress(b"two"), 100) == b"one two"


def test_a_zstd_frame_that_wants_a_giant_window_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    zstd = next(compression for compression in COMPRESSIONS if compression.name() == "zstd")

    with pytest.raises(ConnectError) as refused:
        zstd.decompress(compressor.compress(BODY) + compressor.flush(), 2**20)

    assert refused.value.code is Code.INVALID_ARGUMENT
