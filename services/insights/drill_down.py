"""Lists who is behind one number of an answer, page by page.

Persons go by their hash, so a page begins where the one before it ended, however many are new. All pages are answered as of one identity
and one instant, which the page's token carries with the digest of the question it belongs to.
"""

import base64
import binascii
import hashlib
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from core.clickhouse import ClickHouse, Rows
from core.errors import InvalidArgument, PageTokenInvalid
from core.instants import EPOCH
from core.person_ids import id_of_hash
from core.sql import Sql, sql, unsigned
from pug.insights.v1.insights_pb2 import ListPersonsRequest, ListPersonsResponse
from pug.insights.v1.person_pb2 import Person
from services.insights import kinds
from services.insights.engine import CheckPatterns, meta_of, name_query, planned
from services.insights.limits import QueryLimits, limited
from services.insights.profiles_of import named_persons, people_named
from services.insights.scope import Scope
from services.rpc.call import Call

_DEFAULT_PAGE = 100
_MAX_PAGE = 1_000
_TOKEN = struct.Struct(">QQQ8s")
_MICROSECOND = timedelta(microseconds=1)

# One more than fits on the page says whether there is another.
_PAGE = """
SELECT count() AS total, {sorted}
FROM
(
{persons}
)"""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: after the person of this hash, as of this identity and this instant."""

    after: int | None
    version: int
    asked_at: datetime


async def list_persons(
    request: ListPersonsRequest,
    call: Call,
    *,
    clickhouse: ClickHouse,
    now: datetime,
    limits: QueryLimits,
    check_patterns: CheckPatterns,
) -> ListPersonsResponse:
    """A page of the persons behind a number; `complete_until` is the caller's to say."""
    started = time.perf_counter()
    if not 0 <= request.page_size <= _MAX_PAGE:
        raise InvalidArgument(f"A page has 1 to {_MAX_PAGE:,} persons.", field="pageSize", hint=f"0 means {_DEFAULT_PAGE}.")
    size, digest = request.page_size or _DEFAULT_PAGE, _digest(request, call)
    place = _place(request.page_token, digest, now) if request.page_token else _Place(None, request.query.as_of_identity, now)
    scope, query = await _planned(request, call, place, size + 1, clickhouse=clickhouse, check_patterns=check_patterns)
    found = await clickhouse.query(limited(query, limits, call.timeout_s))
    ((total, hashes),) = cast("Sequence[tuple[int, Sequence[int]]]", found.rows)
    page = list(hashes[:size])
    persons, read = await _named(page, scope, call, clickhouse, limits)
    following = _Place(page[-1], scope.as_of.people.version, place.asked_at) if len(hashes) > size else None
    return ListPersonsResponse(
        persons=persons,
        total=total,
        next_page_token=_token(following, digest) if following else "",
        meta=meta_of(request.query.insight, scope, [found, *read], timedelta(seconds=time.perf_counter() - started)),
    )


async def _planned(
    request: ListPersonsRequest, call: Call, place: _Place, rows: int, *, clickhouse: ClickHouse, check_patterns: CheckPatterns
) -> tuple[Scope, Sql]:
    query = request.query
    query.as_of_identity = place.version
    try:
        return await planned(
            query,
            call,
            lambda scope: (scope, page_query(kinds.persons(request, scope), place.after, rows)),
            clickhouse=clickhouse,
            now=place.asked_at,
            check_patterns=check_patterns,
        )
    except InvalidArgument as error:
        name_query(error)
        raise


def page_query(persons: Sql, after: int | None, rows: int) -> Sql:
    """The one row (how many persons there are, the least hashes of them after one)."""
    first = sql("groupArraySorted({rows})(person)", rows=unsigned(rows))
    if after is not None:
        first = sql("groupArraySortedIf({rows})(person, person > {after})", rows=unsigned(rows), after=unsigned(after))
    return sql(_PAGE, sorted=first, persons=persons)


async def _named(
    page: Sequence[int], scope: Scope, call: Call, clickhouse: ClickHouse, limits: QueryLimits
) -> tuple[list[Person], list[Rows]]:
    """The persons of these hashes, and what was read for them."""
    if not page:
        return [], []
    found = await clickhouse.query(limited(people_named(page, scope), limits, call.timeout_s))
    known = named_persons(found.rows)
    return [known.get(id_of_hash(one), Person(id=id_of_hash(one))) for one in page], [found]


def _digest(request: ListPersonsRequest, call: Call) -> bytes:
    """What a token is good for: this question of this project, whatever the size of a page."""
    asked = ListPersonsRequest()
    asked.CopyFrom(request)
    asked.ClearField("page_size")
    asked.ClearField("page_token")
    return hashlib.blake2b(asked.SerializeToString(deterministic=True), digest_size=8, key=str(call.project.id).encode()).digest()


def _token(place: _Place, digest: bytes) -> str:
    packed = _TOKEN.pack(place.version, place.after or 0, (place.asked_at - EPOCH) // _MICROSECOND, digest)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _place(token: str, digest: bytes, now: datetime) -> _Place:
    try:
        version, after, asked_at, of = cast(
            "tuple[int, int, int, bytes]", _TOKEN.unpack(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
        )
    except (binascii.Error, ValueError, struct.error) as error:
        raise _foreign() from error
    if of != digest or asked_at > (now - EPOCH) // _MICROSECOND or version >= 2**63:
        raise _foreign()
    return _Place(after, version, EPOCH + asked_at * _MICROSECOND)


def _foreign() -> PageTokenInvalid:
    return PageTokenInvalid(
        "That is no page token of this question.", field="pageToken", hint="Take it from the page before, and ask the same again."
    )
