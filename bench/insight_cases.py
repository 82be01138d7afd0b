"""What is asked of each kind of insight, and the best SQL we could write by hand for the same numbers.

Whoever writes by hand knows this one question: that there is one project, how many days there are, that no property is absent. They resolve
people as cheaply as Pug does, and take whichever way measured fastest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.sql import Sql, join, sql, text, texts, unsigned

Spec = dict[str, object]


@dataclass(frozen=True, slots=True)
class Case:
    """One question; `budget_ms` is for 10 million events, and `rest` of the request whatever is not the insight."""

    name: str
    insight: Spec
    by_hand: Sql
    budget_ms: int | None = None
    rest: Spec = field(default_factory=dict[str, object])


_TRENDS_MS, _BREAKDOWN_MS, _FUNNEL_MS, _RETENTION_MS, _FLOW_MS = 300, 600, 700, 900, 1_500

_PAGE_VIEW: Spec = {"name": "page_view"}
_PERSONS: Spec = {"kind": "KIND_PERSONS"}
_URL: Spec = {"property": "$url"}
_BROWSER: Spec = {"property": "$browser"}
_PLAN: Spec = {"property": "plan"}
_TIER: Spec = {"property": "tier", "source": "SOURCE_PERSON"}

_TIES = sql("(SELECT (groupArray(distinct_hash), groupArray(person_hash)) FROM person_ties) AS ties")
_PERSON = sql("transform(distinct_hash, ties.1, ties.2, distinct_hash)")
_TIERS = sql("(SELECT (groupArray(person_hash), groupArray(traits.tier.:String)) FROM person_traits) AS tiers")
_TIER_OF_PERSON = sql("transform(person, tiers.1, tiers.2, '')")
_DAY = sql("toDate(occurred_at) - toDate('2026-06-01')")
_EVENTS = sql(
    "FROM events WHERE project_id = 1 AND occurred_at >= toDateTime64('2026-06-01 00:00:00', 3, 'UTC')"
    " AND occurred_at < toDateTime64('2026-08-30 00:00:00', 3, 'UTC')"
)
_VIEWS = sql("{events} AND name = 'page_view'", events=_EVENTS)
_OF_URL = sql("properties.`$url`.:String")
_OF_PLAN = sql("properties.plan.:String")


def cases() -> list[Case]:
    """Every kind, the plain questions first."""
    return [*_lines(), *_broken_down(), *_funnels(), *_retentions(), *_activity(), *_paths()]


def _lines() -> list[Case]:
    def trend(name: str, series: Spec, value: Sql, events: Sql = _VIEWS, beginning: Sql = _TIES) -> Case:
        by_hand = sql(
            "WITH {beginning} SELECT '' AS cell, {day} AS day, {value} {events} GROUP BY day",
            beginning=beginning,
            day=_DAY,
            value=value,
            events=events,
        )
        return Case(name, {"trends": {"series": [series]}}, by_hand, _TRENDS_MS)

    persons = sql("uniqExact({person})", person=_PERSON)
    return [
        trend("trend: total", {"event": _PAGE_VIEW}, sql("count()")),
        trend("trend: total of any event", {}, sql("count()"), _EVENTS),
        trend("trend: persons", {"event": _PAGE_VIEW, "metric": _PERSONS}, persons),
        trend(
            "trend: sum of a property",
            {"event": {"name": "add_to_cart"}, "metric": {"kind": "KIND_SUM", "property": "dollars"}},
            sql("sum(properties.dollars.:Float64)"),
            sql("{events} AND name = 'add_to_cart'", events=_EVENTS),
        ),
        trend(
            "trend: total filtered by a property",
            {"event": {**_PAGE_VIEW, "filters": [{**_PLAN, "values": ["pro"]}]}},
            sql("count()"),
            sql("{views} AND {plan} = 'pro'", views=_VIEWS, plan=_OF_PLAN),
        ),
        trend(
            "trend: persons with a trait",
            {"event": {**_PAGE_VIEW, "filters": [{**_TIER, "values": ["1"]}]}, "metric": _PERSONS},
            persons,
            sql(
                "{views} AND {person} IN (SELECT person_hash FROM person_traits WHERE traits.tier.:String = '1')",
                views=_VIEWS,
                person=_PERSON,
            ),
        ),
    ]


def _broken_down() -> list[Case]:
    tier = sql("transform({person}, tiers.1, tiers.2, '')", person=_PERSON)
    persons = sql("uniqExact({person})", person=_PERSON)
    series: Spec = {"event": _PAGE_VIEW}
    of_persons: Spec = {"event": _PAGE_VIEW, "metric": _PERSONS}
    earlier: Spec = {
        "timeRange": {"from": "2026-07-16T00:00:00Z", "to": "2026-08-30T00:00:00Z"},
        "compare": {},
    }
    return [
        _by("total by one of 20,000 pages", series, _URL, _OF_URL, None),
        _by("persons by one of 20,000 pages", of_persons, _URL, _OF_URL, _PERSON),
        _by_few("total by browser", series, _BROWSER, sql("browser"), sql("count()")),
        _by_few("persons by browser", of_persons, _BROWSER, sql("browser"), persons),
        _by_few("persons by plan", of_persons, _PLAN, _OF_PLAN, persons),
        _by_few("persons by a trait", of_persons, _TIER, tier, persons, sql("{ties}, {tiers}", ties=_TIES, tiers=_TIERS)),
        Case(
            "trend: total by page, compared",
            {"trends": {"series": [series], "breakdowns": [_URL]}},
            _compared_by_hand(),
            _BREAKDOWN_MS,
            earlier,
        ),
        Case(
            "segmentation: persons",
            {"segmentation": {"series": [of_persons]}},
            sql("WITH {ties} SELECT '' AS cell, uniqExact({person}) {views}", ties=_TIES, person=_PERSON, views=_VIEWS),
            _TRENDS_MS,
        ),
        Case(
            "segmentation: total by page",
            {"segmentation": {"series": [series], "breakdowns": [_URL]}},
            _ranked_by_hand(_OF_URL, 10),
            _BREAKDOWN_MS,
        ),
        Case(
            "segmentation: persons by browser",
            {"segmentation": {"series": [of_persons], "breakdowns": [_BROWSER]}},
            sql("WITH {ties} SELECT browser AS cell, uniqExact({person}) {views} GROUP BY cell", ties=_TIES, person=_PERSON, views=_VIEWS),
            _BREAKDOWN_MS,
        ),
        Case(
            "top K: pages",
            {"topK": {"dimension": "DIMENSION_PROPERTY", **_URL, "scope": _PAGE_VIEW}},
            _ranked_by_hand(_OF_URL, 10),
            _BREAKDOWN_MS,
        ),
        Case(
            "top K: pages by persons",
            {"topK": {"dimension": "DIMENSION_PROPERTY", **_URL, "scope": _PAGE_VIEW, "metric": _PERSONS}},
            _ranked_by_hand(_OF_URL, 10, _PERSON),
            _BREAKDOWN_MS,
        ),
        Case("top K: event names", {"topK": {}}, sql("SELECT name AS cell, count() {events} GROUP BY cell", events=_EVENTS), _TRENDS_MS),
        Case(
            "top K: persons",
            {"topK": {"dimension": "DIMENSION_PERSON", "scope": _PAGE_VIEW}},
            sql(
                "WITH {ties}, counted AS (SELECT {person} AS person, count() AS n {views} GROUP BY person),"
                " top AS (SELECT lower(hex(person)) AS cell, n FROM counted ORDER BY n DESC, person LIMIT 10)"
                " SELECT leftPad(cell, 16, '0'), n FROM top"
                " UNION ALL SELECT 'others', (SELECT sum(n) FROM counted) - (SELECT sum(n) FROM top)",
                ties=_TIES,
                person=_PERSON,
                views=_VIEWS,
            ),
            _BREAKDOWN_MS,
        ),
    ]


def _by(name: str, series: Spec, breakdown: Spec, value: Sql, person: Sql | None) -> Case:
    """A trend by one of many values. By hand the ten largest are found first: that measured faster than counting every value by day."""
    metric = sql("uniqExact({person})", person=person) if person else sql("count()")
    by_hand = sql(
        "WITH {ties}, {largest} SELECT transform(assumeNotNull({value}), largest, largest, 'others') AS cell, {day} AS day, {metric}"
        " {views} GROUP BY cell, day",
        ties=_TIES,
        largest=_largest_by_hand(value, metric, _VIEWS),
        value=value,
        metric=metric,
        views=_VIEWS,
        day=_DAY,
    )
    return Case(f"trend: {name}", {"trends": {"series": [series], "breakdowns": [breakdown]}}, by_hand, _BREAKDOWN_MS)


def _by_few(name: str, series: Spec, breakdown: Spec, value: Sql, metric: Sql, beginning: Sql = _TIES) -> Case:  # noqa: PLR0917
    """A trend by one of fewer values than are kept: whoever knows that needs no others."""
    by_hand = sql(
        "WITH {beginning} SELECT {value} AS cell, {day} AS day, {metric} {views} GROUP BY cell, day",
        beginning=beginning,
        value=value,
        day=_DAY,
        metric=metric,
        views=_VIEWS,
    )
    return Case(f"trend: {name}", {"trends": {"series": [series], "breakdowns": [breakdown]}}, by_hand, _BREAKDOWN_MS)


def _largest_by_hand(value: Sql, metric: Sql, events: Sql) -> Sql:
    return sql(
        "(SELECT groupArray(value) FROM (SELECT assumeNotNull({value}) AS value {events}"
        " GROUP BY value ORDER BY {metric} DESC, value LIMIT 10)) AS largest",
        value=value,
        metric=metric,
        events=events,
    )


def _ranked_by_hand(value: Sql, limit: int, person: Sql | None = None) -> Sql:
    """The largest and the others. Totals of the others are what is missing to all; persons have to be counted from the events."""
    if person is None:
        return sql(
            "WITH counted AS (SELECT {value} AS cell, count() AS n {views} GROUP BY cell),"
            " ranked AS (SELECT cell, n, row_number() OVER (ORDER BY n DESC, cell) AS rank FROM counted)"
            " SELECT if(rank <= {limit}, cell, 'others') AS cell, sum(n) FROM ranked GROUP BY cell",
            value=value,
            views=_VIEWS,
            limit=unsigned(limit),
        )
    return sql(
        "WITH {ties}, counted AS (SELECT {value} AS cell, uniqExactState({person}) AS persons {views} GROUP BY cell),"
        " ranked AS (SELECT *, row_number() OVER (ORDER BY finalizeAggregation(persons) DESC, cell) AS rank FROM counted)"
        " SELECT if(rank <= {limit}, cell, 'others') AS cell, uniqExactMerge(persons) FROM ranked GROUP BY cell",
        ties=_TIES,
        value=value,
        views=_VIEWS,
        person=person,
        limit=unsigned(limit),
    )


def _compared_by_hand() -> Sql:
    """The ten largest pages of the second half of the days and all others, next to the same of the first half, whose days count below 0."""
    day = sql("toDate(occurred_at) - toDate('2026-07-16')")
    return sql(
        "WITH {largest} SELECT transform(assumeNotNull({value}), largest, largest, 'others') AS cell, {day} AS day, count() {views}"
        " GROUP BY cell, day",
        largest=_largest_by_hand(_OF_URL, sql("count()"), sql("{views} AND {day} >= 0", views=_VIEWS, day=day)),
        value=_OF_URL,
        views=_VIEWS,
        day=day,
    )


def _funnels() -> list[Case]:
    three = ["page_view", "add_to_cart", "purchase"]
    between = ["click", "search", "add_to_cart", "click", "video_played", "shared", "click", "search", "add_to_cart", "click"]
    twenty = [name for other in between for name in ("page_view", other)]
    return [
        Case("funnel of 3 steps", _funnel(three), _funnel_by_hand(three), _FUNNEL_MS),
        Case("funnel of 3 steps by a trait", _funnel(three, breakdowns=[_TIER]), _funnel_by_hand(three, by_tier=True)),
        Case("funnel of 20 steps", _funnel(twenty), _funnel_by_hand(twenty)),
    ]


def _funnel(names: Sequence[str], **more: object) -> Spec:
    return {"funnel": {"steps": [{"event": {"name": name}} for name in names], **more}}


def _funnel_by_hand(names: Sequence[str], *, by_tier: bool = False) -> Sql:
    # In these data nobody does two things in one millisecond, and then this is the same: no event fills two steps, and whoever gets further
    # by a later start is found.
    return sql(
        "WITH {ties}{tiers}, reached AS ("
        "SELECT {person} AS person,"
        " windowFunnel(1209600000, 'strict_increase')(toUInt64(toUnixTimestamp64Milli(occurred_at)), {steps}) AS steps"
        " {events} AND name IN {names} GROUP BY person)"
        " SELECT {cell} AS cell, arrayJoin(range(1, steps + 1)) AS step, count() FROM reached GROUP BY cell, step",
        ties=_TIES,
        tiers=sql(", {tiers}", tiers=_TIERS) if by_tier else sql(""),
        person=_PERSON,
        steps=join(", ", [sql("name = {name}", name=text(name)) for name in names]),
        names=texts(sorted(set(names))),
        events=_EVENTS,
        cell=_TIER_OF_PERSON if by_tier else sql("''"),
    )


def _retentions() -> list[Case]:
    same: Spec = {"start": _PAGE_VIEW}
    # A bit for each day a person came.
    by_day = sql(
        "WITH {ties}, persons AS ("
        "SELECT {person} AS person, groupBitOr(bitShiftLeft(toUInt128(1), {day})) AS days, min({day}) AS cohort {views} GROUP BY person)"
        " SELECT '' AS cell, cohort, arrayJoin(range(8)) AS period, sum(toUInt8(bitAnd(bitShiftRight(days, cohort + period), 1))) AS n"
        " FROM persons GROUP BY cohort, period HAVING n > 0",
        ties=_TIES,
        person=_PERSON,
        day=_DAY,
        views=_VIEWS,
    )
    week = sql("intDiv({day}, 7)", day=_DAY)
    by_week = sql(
        "WITH {ties}, persons AS ("
        "SELECT {person} AS person, groupBitOr(if(name = 'page_view', bitShiftLeft(toUInt32(1), {week}), 0)) AS weeks,"
        " minIf({week}, name = 'signed_up') AS cohort, max(name = 'signed_up') AS entered"
        " {events} AND name IN ('signed_up', 'page_view') GROUP BY person HAVING entered)"
        " SELECT '' AS cell, cohort, arrayJoin(range(9)) AS period, sum(period = 0 OR bitTest(weeks, cohort + period)) AS n FROM persons"
        " GROUP BY cohort, period HAVING n > 0",
        ties=_TIES,
        person=_PERSON,
        week=week,
        events=_EVENTS,
    )
    recurring = sql(
        "WITH {ties}, days_of_persons AS ("
        "SELECT {person} AS person, {day} AS day, argMin(browser, occurred_at) AS cell {views} GROUP BY person, day),"
        " persons AS (SELECT groupArray((day, cell)) AS entries, groupBitOr(bitShiftLeft(toUInt128(1), day)) AS days"
        " FROM days_of_persons GROUP BY person)"
        " SELECT entry.2 AS cell, entry.1 AS cohort, arrayJoin(range(8)) AS period,"
        " sum(toUInt8(bitAnd(bitShiftRight(days, cohort + period), 1))) AS n"
        " FROM persons ARRAY JOIN entries AS entry GROUP BY cell, cohort, period HAVING n > 0",
        ties=_TIES,
        person=_PERSON,
        day=_DAY,
        views=_VIEWS,
    )
    return [
        Case("retention by day", {"retention": same}, by_day, _RETENTION_MS),
        Case("retention by day, first ever", {"retention": {**same, "entry": "ENTRY_FIRST_EVER"}}, by_day, _RETENTION_MS),
        Case(
            "retention by week of who signed up",
            {"retention": {"start": {"name": "signed_up"}, "return": _PAGE_VIEW, "period": "PERIOD_WEEK", "periods": 8}},
            by_week,
            _RETENTION_MS,
        ),
        Case(
            "retention by day, recurring, by browser",
            {"retention": {**same, "entry": "ENTRY_RECURRING", "breakdowns": [_BROWSER]}},
            recurring,
            _RETENTION_MS,
        ),
    ]


def _activity() -> list[Case]:
    persons = sql(
        "WITH {ties}, persons AS ("
        "SELECT groupBitOr(bitShiftLeft(toUInt128(1), {day})) AS days, min({day}) AS first {views} GROUP BY {person})",
        ties=_TIES,
        person=_PERSON,
        day=_DAY,
        views=_VIEWS,
    )
    return [
        Case(
            "stickiness",
            {"stickiness": {"event": _PAGE_VIEW}},
            sql("{persons} SELECT bitCount(days) AS n, count() FROM persons GROUP BY n", persons=persons),
        ),
        Case(
            "lifecycle",
            {"lifecycle": {"event": _PAGE_VIEW}},
            sql(
                "{persons} SELECT state, day, n FROM ("
                "SELECT arrayJoin(range(90)) AS day, countIf(first = day) AS new,"
                " countIf(toUInt8(bitAnd(bitShiftRight(days, day), 1)) AS active) AS came,"
                " countIf(active AND (toUInt8(bitAnd(bitShiftRight(bitShiftLeft(days, 1), day), 1)) AS before)) AS returning,"
                " countIf(before AND NOT active) AS gone FROM persons GROUP BY day)"
                " ARRAY JOIN ['new', 'returning', 'resurrecting', 'dormant'] AS state,"
                " [toInt64(new), toInt64(returning), toInt64(came) - toInt64(new) - toInt64(returning), -toInt64(gone)] AS n",
                persons=persons,
            ),
        ),
    ]


def _paths() -> list[Case]:
    sessions = sql(
        "sessions AS (SELECT toDate(min(occurred_at)) - toDate('2026-06-01') AS day, count() AS events,"
        " toUnixTimestamp64Milli(max(occurred_at)) - toUnixTimestamp64Milli(min(occurred_at)) AS lasted, any(browser) AS browser"
        " {events} GROUP BY sipHash64(session_id))",
        events=_EVENTS,
    )
    return [
        Case("flow of event names", {"flow": {}}, _flow_of_names_by_hand(), _FLOW_MS),
        Case("flow of 20,000 pages", {"flow": {"node": "NODE_PROPERTY", **_URL}}, _flow_of_pages_by_hand(), _FLOW_MS),
        Case(
            "sessions by day",
            {"sessions": {}},
            sql("WITH {sessions} SELECT '' AS cell, day, count() FROM sessions GROUP BY day", sessions=sessions),
        ),
        Case(
            "sessions: bounce rate by browser",
            {"sessions": {"metric": "METRIC_BOUNCE_RATE", "breakdowns": [_BROWSER]}},
            sql("WITH {sessions} SELECT browser AS cell, day, avg(events = 1) FROM sessions GROUP BY cell, day", sessions=sessions),
        ),
        Case(
            "sessions: median duration",
            {"sessions": {"metric": "METRIC_MEDIAN_DURATION"}},
            sql(
                "WITH {sessions} SELECT '' AS cell, day, quantileExactInclusive(0.5)(lasted) / 1000 FROM sessions GROUP BY day",
                sessions=sessions,
            ),
        ),
    ]


def _flow_of_names_by_hand() -> Sql:
    """There are fewer names than nodes may be kept, so there are no others."""
    return sql(
        "WITH paths AS (SELECT arraySlice(arrayCompact(arrayMap(hop -> hop.2, arraySort(groupArray("
        "(toUnixTimestamp64Milli(occurred_at), toString(name)))))), 1, 5) AS hops {events} GROUP BY sipHash64(session_id)),"
        " counted AS (SELECT hop, source, target, count() AS n, grouping(target) = 1 AS is_node FROM paths ARRAY JOIN hops AS source,"
        " arrayPushBack(arrayPopFront(hops), '') AS target, arrayEnumerate(hops) AS hop"
        " GROUP BY GROUPING SETS ((hop, source), (hop, source, target)))"
        " SELECT if(is_node, 'node', 'link') AS kind, if(is_node, concat(toString(hop), ' ', source), '') AS label, n FROM counted"
        " WHERE is_node OR target != '' ORDER BY is_node DESC, n DESC",
        events=_EVENTS,
    )


def _flow_of_pages_by_hand() -> Sql:
    """Labels go through the arrays as hashes; those of the twenty that are kept are looked up in the end."""
    return sql(
        "WITH paths AS (SELECT arraySlice(arrayCompact(arrayMap(hop -> hop.2, arraySort(groupArray("
        "(toUnixTimestamp64Milli(occurred_at), cityHash64({label})))))), 1, 5) AS hops {events} GROUP BY sipHash64(session_id)),"
        " transitions AS (SELECT hop, source, target, count() AS n FROM paths ARRAY JOIN hops AS source,"
        " arrayPushBack(arrayPopFront(hops), 0) AS target, arrayEnumerate(hops) AS hop GROUP BY hop, source, target),"
        " (SELECT groupArray(source) FROM (SELECT source FROM transitions GROUP BY source ORDER BY sum(n) DESC LIMIT 20)) AS largest,"
        " (SELECT (groupArray(hash), groupArray(called)) FROM (SELECT cityHash64({label}) AS hash, any({label}) AS called {events}"
        " AND has(largest, hash) GROUP BY hash)) AS names,"
        " folded AS (SELECT hop, transform(source, names.1, names.2, 'others') AS from_label, target != 0 AS goes_on,"
        " transform(target, names.1, names.2, 'others') AS to_label, sum(n) AS n"
        " FROM transitions GROUP BY hop, from_label, goes_on, to_label),"
        " nodes AS (SELECT 'node' AS kind, concat(toString(hop), ' ', from_label) AS label, sum(n) FROM folded GROUP BY hop, from_label),"
        " links AS (SELECT 'link' AS kind, '' AS label, n FROM folded WHERE goes_on ORDER BY n DESC LIMIT 200)"
        " SELECT * FROM nodes UNION ALL SELECT * FROM links",
        label=_OF_URL,
        events=_EVENTS,
    )
