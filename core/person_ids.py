"""What a person is called: the hash of the distinct id all their others are tied to, the same in Python as in ClickHouse's sipHash64."""

from typing import cast

from siphash24 import siphash24  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType] (compiled, without stubs)

_KEY = bytes(16)


def person_id(distinct_id: str) -> str:
    """16 hexadecimal digits of SipHash-2-4 under the key 0, the most significant first."""
    digest = cast("bytes", siphash24(distinct_id.encode(), key=_KEY).digest())
    return digest[::-1].hex()


def id_of_hash(person: int) -> str:
    """The same of the hash as ClickHouse has it."""
    return f"{person:016x}"
