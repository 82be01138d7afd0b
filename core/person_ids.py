"""What a person is called: the hash of the distinct id all their others are tied to, the same in Python as in ClickHouse's sipHash64."""

_MASK = 2**64 - 1
_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def person_id(distinct_id: str) -> str:
    """16 hexadecimal digits."""
    return f"{sip_hash_64(distinct_id.encode()):016x}"


def sip_hash_64(message: bytes) -> int:
    """SipHash-2-4 under the key 0 (Aumasson and Bernstein, https://www.aumasson.jp/siphash/), as ClickHouse calculates it."""
    state = _START
    whole = len(message) - len(message) % 8
    last = int.from_bytes(message[whole:], "little") | (len(message) & 0xFF) << 56
    for word in [*(int.from_bytes(message[at : at + 8], "little") for at in range(0, whole, 8)), last]:
        first, second, third, fourth = state
        first, second, third, fourth = _rounds(2, (first, second, third, fourth ^ word))
        state = (first ^ word, second, third, fourth)
    first, second, third, fourth = state
    first, second, third, fourth = _rounds(4, (first, second, third ^ 0xFF, fourth))
    return first ^ second ^ third ^ fourth


def _rounds(count: int, state: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    first, second, third, fourth = state
    for _ in range(count):
        first = (first + second) & _MASK
        second = _rotated(second, 13) ^ first
        first = _rotated(first, 32)
        third = (third + fourth) & _MASK
        fourth = _rotated(fourth, 16) ^ third
        first = (first + fourth) & _MASK
        fourth = _rotated(fourth, 21) ^ first
        third = (third + second) & _MASK
        second = _rotated(second, 17) ^ third
        third = _rotated(third, 32)
    return first, second, third, fourth


def _rotated(word: int, bits: int) -> int:
    return ((word << bits) | (word >> (64 - bits))) & _MASK
