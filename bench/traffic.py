"""Believable traffic, made inside ClickHouse: people who return in sessions, on their devices, from campaigns, to pages of a long tail.

Each event is a function of its number, so the same numbers are the same events. A hundred events are fifteen sessions; every session has
one person, device, country and campaign, and its events follow one another within minutes. A few people come often, and most come more
often soon after their first visit.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.progress import Progress

from core.clickhouse import ClickHouse

PROJECT = 1
START = datetime(2026, 6, 1, tzinfo=UTC)
_EVENTS_OF_AN_ID = 25
_CHUNK = 500_000
# Of fifteen sessions, which have a hundred events.
_LENGTHS = (1, 7, 2, 20, 1, 4, 10, 3, 1, 16, 6, 2, 14, 5, 8)


@dataclass(frozen=True, slots=True)
class Traffic:
    """So many events of so many days from START."""

    events: int
    days: int = 90

    @property
    def ids(self) -> int:
        """How many distinct ids there are."""
        return self.events // _EVENTS_OF_AN_ID

    @property
    def end(self) -> datetime:
        """After the last event."""
        return START + timedelta(days=self.days)


async def store(traffic: Traffic, clickhouse: ClickHouse, console: Console) -> None:
    """Store the traffic by the way all events go, and merge its parts as the background would."""
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(f"Storing {traffic.events:,} events", total=traffic.events)
        for first in range(0, traffic.events, _CHUNK):
            rows = min(_CHUNK, traffic.events - first)
            await clickhouse.command(insert_of(traffic, first, rows))
            progress.advance(task, rows)
    await clickhouse.command("OPTIMIZE TABLE events FINAL")


async def tie(traffic: Traffic, clickhouse: ClickHouse) -> None:
    """Tie 5 % of the ids to another, and give everybody a tier of four."""
    half, tied = traffic.ids // 2, traffic.ids // 20
    for statement in (_TIES, _TRAITS, _VERSION):
        await clickhouse.command(statement.format(project=PROJECT, ids=traffic.ids, half=half, tied=tied))


async def forget(clickhouse: ClickHouse) -> None:
    """Empty the tables again."""
    for table in ("events", "person_activity", "person_ties", "person_traits", "identity_versions"):
        await clickhouse.command(f"TRUNCATE TABLE {table}")


_TIES = """
INSERT INTO person_ties (project_id, distinct_id, root, version)
SELECT {project}, concat('user-', toString(number * 7)), concat('user-', toString(number + {half})), number + 1 FROM numbers({tied})
"""
_TRAITS = """
INSERT INTO person_traits (project_id, root, version, traits)
SELECT {project}, concat('user-', toString(number)), {tied}, concat('{{"tier":"', toString(number % 4), '"}}')::JSON FROM numbers({ids})
"""
_VERSION = "INSERT INTO identity_versions VALUES ({project}, {tied})"


def insert_of(traffic: Traffic, first: int, rows: int) -> str:
    """The statement that stores so many events from a number on."""
    places = [(session, place, length) for session, length in enumerate(_LENGTHS) for place in range(length)]
    sessions, nth, lengths = zip(*places, strict=True)
    return _EVENTS.format(
        first=first,
        rows=rows,
        project=PROJECT,
        ids=traffic.ids,
        days=traffic.days,
        start=int(START.timestamp() * 1000),
        hundred=len(places),
        fifteen=len(_LENGTHS),
        sessions=list(sessions),
        nth=list(nth),
        lengths=list(lengths),
    )


_EVENTS = """
INSERT INTO events_in (event_id, project_id, name, distinct_id, session_id, occurred_at, received_at, properties, context)
WITH
    -- From 0 to below 1.
    (key, salt) -> bitShiftRight(cityHash64(key, salt), 11) / 9007199254740992 AS share,
    (values, key, salt) -> values[1 + cityHash64(key, salt) % length(values)] AS one_of,

    intDiv(number, {hundred}) * {fifteen} + {sessions}[1 + number % {hundred}] AS session,
    {nth}[1 + number % {hundred}] AS nth,
    {lengths}[1 + number % {hundred}] AS length_of_session,
    toUInt64({ids} * pow(share(session, 1), 1.5)) AS person,

    -- A fifth of the people came before the first day.
    {days} * greatest(0, share(person, 2) - 0.2) AS arrival,
    toInt64(arrival + ({days} - arrival) * pow(share(session, 3), 1.5)) AS day,
    -- Most of a day happens around noon.
    toInt64((86400000 - 900000) * (share(session, 4) + share(session, 5)) / 2) AS moment,

    length_of_session >= 5 AND cityHash64(session, 6) % 4 = 0 AS buys,
    -- Two devices each.
    cityHash64(person, cityHash64(session, 7) % 5 = 0) AS device,
    -- The page of a rank is seen as often as there are ranks below it, seldom.
    toUInt32(pow(20000, share(cityHash64(session, intDiv(nth, 2)), 8))) AS page,
    cityHash64(session, 9) % 10 AS origin,
    one_of(['google', 'newsletter', 'facebook', 'bing', 'partner', 'linkedin'], session, 10) AS campaign_source
SELECT
    toUUID(concat(
        substring(hex(cityHash64(number, 11)), 1, 8), '-', substring(hex(cityHash64(number, 12)), 1, 4), '-7000-8000-',
        leftPad(hex(number), 12, '0')
    )) AS event_id,
    {project} AS project_id,
    multiIf(
        nth = 0, 'page_view',
        buys AND nth = length_of_session - 1, 'purchase',
        buys AND nth = length_of_session - 2, 'checkout',
        nth = 1 AND cityHash64(session, 13) % 10 = 0, 'signed_up',
        one_of(
            [
                'page_view', 'page_view', 'page_view', 'page_view', 'page_view', 'page_view', 'page_view', 'click', 'click', 'click',
                'search', 'search', 'add_to_cart', 'add_to_cart', 'video_played', 'shared'
            ],
            number, 14
        )
    ) AS name,
    concat('user-', toString(person)) AS distinct_id,
    concat('session-', toString(session)) AS session_id,
    {start} + day * 86400000 + moment + nth * 45000 + toInt64(cityHash64(number, 15) % 45000) AS occurred_at,
    occurred_at AS received_at,
    concat(
        '{{"plan":"', one_of(['free', 'free', 'free', 'pro', 'team'], person, 16), '"',
        ',"$url":"https://shop.example', if(page = 1, '/', concat('/products/', toString(page))), '"',
        if(name IN ('add_to_cart', 'checkout', 'purchase'),
            concat(
                ',"dollars":', toString(cityHash64(number, 17) % 20000 / 100 + 0.001),
                ',"quantity":', toString(1 + cityHash64(number, 18) % 5)
            ),
            ''),
        multiIf(
            origin < 3,
            concat(
                ',"$utm_source":"', campaign_source, '","$utm_medium":"', if(campaign_source = 'newsletter', 'email', 'cpc'),
                '","$utm_campaign":"campaign-', toString(cityHash64(session, 19) % 20), '"'
            ),
            origin < 7,
            concat(
                ',"$referrer":"https://',
                one_of(['www.google.com', 'www.google.com', 'duckduckgo.com', 'news.ycombinator.com', 'blog.example'], session, 20), '/"'
            ),
            ''
        ),
        '}}'
    )::JSON AS properties,
    concat(
        '{{"$browser":"', one_of(['Google Chrome', 'Google Chrome', 'Google Chrome', 'Safari', 'Safari', 'Firefox', 'Edge'], device, 21),
        '","$browser_version":"', toString(140 + cityHash64(device, 22) % 6),
        '","$os":"', one_of(['Windows', 'Windows', 'macOS', 'iOS', 'Android', 'Linux'], device, 23),
        '","$country":"', one_of(['US', 'US', 'US', 'US', 'DE', 'DE', 'GB', 'FR', 'JP', 'IN', 'BR', 'NL'], person, 24), '"}}'
    ) AS context
FROM numbers({first}, {rows})
SETTINGS log_comment = '{first}'
"""
