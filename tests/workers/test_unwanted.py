"""Rows are left out by what can be read of them without parsing them."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.unwanted import Refusals

ID = "0195b0a2-0000-7000-8000-000000000001"
texts = st.text(max_size=12)


def row(project: int, texts: Sequence[str], at: int, separators: tuple[str, str] = (",", ":")) -> bytes:
    return json.dumps([ID, project, *texts, at, 5, {"n": [1, "]"]}, ""], separators=separators, ensure_ascii=False).encode(
        "utf-8", "replace"
    )


@given(
    st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.tuples(texts, texts, texts), st.integers(-(10**13), 10**13)), min_size=1, max_size=8),
    st.sampled_from([(",", ":"), (", ", ": ")]),
)
def test_rows_of_deleted_projects_and_from_too_long_ago_are_left_out(
    told: list[tuple[int, tuple[str, str, str], int]], separators: tuple[str, str]
) -> None:
    rows = b"\n".join(row(*one, separators) for one in told)

    places = Refusals({1: None, 2: 1_000}).places(rows)

    assert list(places) == [place for place, (project, _, at) in enumerate(told) if project == 1 or (project == 2 and at < 1_000)]


@pytest.mark.parametrize("garbage", [b"", b"[", b'["x', f'["{ID}",2,"a","b'.encode(), f'["{ID}",2,"a","b","c","soon"'.encode()])
def test_what_cannot_be_read_is_not_left_out(garbage: bytes) -> None:
    assert Refusals({2: 1_000}).places(garbage) == ()
