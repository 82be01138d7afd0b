import gzip
import itertools
import random

import brotli
import pytest
import zstandard
from connectrpc.code import Code
from connectrpc.compression import Compression
from connectrpc.errors import ConnectError

from services.rpc.compression import (
    COMPRESSIONS,
    ENCODINGS,
    MOST_BLOCKS,
    MOST_FRAMES,
    TooLaborious,
    _PromptBrotli,  # pyright: ignore[reportPrivateUsage] (to give it another clock)
)

BODY = b'{"events":[]}' * 1_000
NOISE = random.Random(1).randbytes(100_000)
GZIP, ZSTD, BR = COMPRESSIONS
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


@each
def test_a_body_that_is_read_in_pieces_comes_out_whole(compression: Compression) -> None:
    assert compression.decompress(compression.compress(NOISE), len(NOISE)) == NOISE
    assert compression.decompress(compression.compress(NOISE)) == NOISE


@each
def test_what_follows_the_end_of_a_body_of_many_pieces_is_refused(compression: Compression) -> None:
    with pytest.raises(ConnectError, match=f"decompress: {compression.name()}"):
        compression.decompress(compression.compress(NOISE) + b"{}", 2**20)


@pytest.mark.parametrize("compression", [GZIP, ZSTD], ids=["gzip", "zstd"])
def test_a_body_in_two_parts_is_read_whole(compression: Compression) -> None:
    assert compression.decompress(compression.compress(b"one ") + compression.compress(b"two"), 100) == b"one two"


EMPTY_ZSTD = zstandard.ZstdCompressor(write_content_size=False).compress(b"")
SKIPPED_ZSTD = bytes.fromhex("502a4d1800000000")
FRAMES = [(GZIP, gzip.compress(b"")), (ZSTD, EMPTY_ZSTD), (ZSTD, SKIPPED_ZSTD)]
frames = pytest.mark.parametrize(("compression", "frame"), FRAMES, ids=["gzip", "zstd", "skippable"])


@frames
def test_a_body_of_as_many_frames_as_are_allowed_is_read(compression: Compression, frame: bytes) -> None:
    big = compression.compress(NOISE)

    assert compression.decompress(big + frame * (MOST_FRAMES - 2) + big, 2**20) == NOISE * 2


@frames
def test_a_body_of_one_frame_more_is_refused(compression: Compression, frame: bytes) -> None:
    with pytest.raises(TooLaborious, match=r"has more than 64 (frames|members)") as refused:
        compression.decompress(frame * (MOST_FRAMES + 1), 2**20)

    assert (refused.value.code, refused.value.encoding) == (Code.INVALID_ARGUMENT, compression.name())


def flushed(times: int) -> bytes:
    """One frame, flushed after every byte but the last."""
    compressor = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return (
        b"".join([compressor.compress(b"x") + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for _ in range(times)])
        + compressor.flush()
    )


def test_a_zstd_frame_may_be_flushed_so_often_and_no_more() -> None:
    assert ZSTD.decompress(flushed(MOST_BLOCKS - 1), 2**20) == b"x" * (MOST_BLOCKS - 1)
    with pytest.raises(TooLaborious, match="has more than 2,048 blocks"):
        ZSTD.decompress(flushed(MOST_BLOCKS), 2**20)


def test_a_zstd_body_that_is_cut_off_anywhere_is_refused() -> None:
    body = flushed(3) + SKIPPED_ZSTD + b"\x28"
    ends = {len(flushed(3)), len(body) - 1}

    for kept in set(range(1, len(body) + 1)) - ends:
        with pytest.raises(ConnectError, match="decompress: zstd"):
            ZSTD.decompress(body[:kept], 2**20)
    assert all(ZSTD.decompress(body[:kept], 2**20) == b"xxx" for kept in ends)


# One byte of content, and before it a list of 16,384 numbers that is put in order for nothing: each number is the second of those before.
# Value and bits of each field, as RFC 7932 has them in section 9.2.
SLOW_BROTLI = [
    (0, 1), (0, 2), (0, 16), (0, 1),  # not the last, one byte long, compressed
    (1, 1), (7, 3), (127, 7), (1, 4), (0, 9), (1, 4), (0, 5), (0, 2),  # 256 types of literals, of which the first is used
    (0, 1), (0, 1), (0, 6), (0, 512),  # one type of all else, no direct distances, mode 0 in every type
    (1, 1), (0, 3), (0, 1), (1, 4), (1, 1), (1, 1),  # two codes of literals; in 64 contexts of 256 types the second, moved to the front
    (0, 1), (1, 4), (65, 8), (1, 4), (65, 8), (1, 4), (8, 10), (1, 4), (0, 6),  # codes of no bits
]  # fmt: skip


def slow_brotli(size: int) -> bytes:
    digits = "".join(f"{value:0{bits}b}"[::-1] for value, bits in SLOW_BROTLI)
    # Before the first block is a zero for the window, and each ends in one: so eight of them are a whole number of bytes.
    unit = int(("0" + digits * 8)[:-1][::-1], 2).to_bytes(len(digits), "little")
    return unit * (size // len(unit))


def test_brotli_that_takes_long_for_nothing_is_refused() -> None:
    with pytest.raises(TooLaborious, match="takes too long to unpack") as refused:
        BR.decompress(slow_brotli(2**18), 2**20)

    assert (refused.value.code, refused.value.encoding) == (Code.INVALID_ARGUMENT, "br")


def test_a_short_body_of_slow_brotli_is_read() -> None:
    content = BR.decompress(slow_brotli(635) + b"\x06", 2**20)

    assert content == b"A" * 8


def test_one_long_pause_while_brotli_is_read_is_not_held_against_it() -> None:
    clock = itertools.chain([0.0, 10.0], itertools.repeat(10.0))

    assert _PromptBrotli(lambda: next(clock)).decompress(BR.compress(BODY), 2**20) == BODY


def test_a_zstd_frame_that_wants_a_giant_window_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()

    with pytest.raises(ConnectError) as refused:
        ZSTD.decompress(compressor.compress(BODY) + compressor.flush(), 2**20)

    assert refused.value.code is Code.INVALID_ARGUMENT
