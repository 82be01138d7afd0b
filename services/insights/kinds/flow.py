"""Flow: what was done next, hop by hop.

The events are read once and become paths; paths become transitions, one for each two labels in a row at each hop, with a last one to
nowhere. Put together by their first label they say which labels are the most frequent; all others are folded into `others` from states, so
that a unit counts once there too. Nodes are numbered by hop and by the rank of their label, so that the number alone says
which node it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import InvalidArgument
from core.sql import Sql, integer, join, sql, text, unsigned
from pug.insights.v1.flow_pb2 import Flow, FlowResult
from pug.insights.v1.insights_pb2 import ListPersonsRequest
from services.insights.filters import Placed, in_list
from services.insights.paths import paths
from services.insights.scope import Scope

FIELD = "insight.flow"
_DEFAULT_HOPS, _MAX_HOPS = 5, 10
_DEFAULT_NODES, _MAX_NODES = 20, 100
_DEFAULT_LINKS, _MAX_LINKS = 200, 1_000

# Where a path has no such label, indexOf is 0 and a slice from there or up to there empty.
_WALKS = """(
    SELECT {columns}, {walked} AS walked, {from_start} AS from_start, {to_end} AS to_end, {shown} AS hops
    FROM {paths} AS path
    WHERE notEmpty(hops)
)"""

# Labels are ranked, of which there are few, and not transitions, of which there may be as many as pairs of labels at each hop.
_FLOW = """
WITH transitions AS (
    SELECT {hop} + place AS hop, label, following, count() AS times, {counted} AS passing
    FROM {walks} AS walk
    ARRAY JOIN
        hops AS label,
        arrayPushBack(arrayPopFront(hops::Array(Nullable(String))), NULL) AS following,
        arrayEnumerate(hops) AS place
    GROUP BY hop, label, following
),
labels AS (
    SELECT label, sum(times) AS frequency, groupArray((hop, following, passing)) AS onward
    FROM transitions
    GROUP BY label
),
ranked AS (
    SELECT label, onward, row_number() OVER (ORDER BY frequency DESC, label) AS rank
    FROM labels
),
placed AS (
    SELECT label, onward, least(rank, {others}) AS source,
        groupArrayIf(label, rank < {others}) OVER (ORDER BY rank ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS kept
    FROM ranked
),
folded AS (
    SELECT link.1 AS hop, source, if(isNull(link.2), 0, if(has(kept, link.2), indexOf(kept, link.2), {others})) AS target,
        any(label) AS label, {kept_states}(link.3) AS passing
    FROM placed
    ARRAY JOIN onward AS link
    GROUP BY hop, source, target
)
SELECT hop, source, target, grouping(target) AS is_node, {merged}(passing) AS value, if(source = {others}, '', any(label)) AS name
FROM folded
GROUP BY GROUPING SETS ((hop, source), (hop, source, target))
HAVING is_node OR target > 0
ORDER BY hop, source, target"""

_PERSONS = """
WITH (
    SELECT groupArray(label)
    FROM (
        SELECT arrayJoin(hops) AS label
        FROM {walks} AS walk
        GROUP BY label
        ORDER BY count() DESC, label
        LIMIT {nodes}
    )
) AS kept
SELECT DISTINCT arrayJoin(people) AS person
FROM {walks} AS walk
WHERE {passes}"""


@dataclass(frozen=True, slots=True)
class _Limits:
    """How much of the flow is shown. A node's number counts through the labels of its hop, and the hops; `others` has the last of a hop."""

    hops: int
    nodes: int
    links: int

    @property
    def others(self) -> int:
        return self.nodes + 1

    def number(self, hop: int, rank: int) -> int:
        return (hop - 1) * self.others + rank

    def hop_and_rank(self, number: int, field: str) -> tuple[int, int]:
        if not 1 <= number <= self.hops * self.others:
            raise InvalidArgument(f"The answer has no node {number}.", field=field, hint="Give the id of a node as the answer has it.")
        return (number - 1) // self.others + 1, (number - 1) % self.others + 1


def plan(spec: Flow, scope: Scope) -> Sql:
    """The rows (hop, rank of the source's label, of the target's, whether it is a node, value, label of a node)."""
    limits = _limits(spec)
    distinct = _counts_persons(spec)
    return sql(
        _FLOW,
        hop=_hops_before(spec, limits),
        counted=sql("uniqExactState(unit)" if distinct else "count()"),
        kept_states=sql("uniqExactMergeState" if distinct else "sum"),
        merged=sql("uniqExactMerge" if distinct else "sum"),
        walks=_walks(spec, limits, sql("unit" if distinct else "1 AS unit"), paths(spec, FIELD, scope)),
        others=unsigned(limits.others),
    )


def shape(rows: Sequence[Sequence[object]], spec: Flow) -> FlowResult:
    """The answer: nodes by hop, links by size."""
    limits = _limits(spec)
    nodes: list[FlowResult.Node] = []
    links: list[FlowResult.Link] = []
    for row in rows:
        match row:
            case [int() as hop, int() as source, int(), 1, int() as value, str() as label]:
                number = limits.number(hop, source)
                nodes.append(FlowResult.Node(id=number, label=label, hop=hop, others=source == limits.others, value=value))
            case [int() as hop, int() as source, int() as target, 0, int() as value, str()]:
                links.append(FlowResult.Link(source=limits.number(hop, source), target=limits.number(hop + 1, target), value=value))
            case _:
                raise TypeError(f"unexpected row: {row!r}")
    nodes.sort(key=lambda node: (node.hop, node.others, -node.value, node.id))
    links.sort(key=lambda link: (-link.value, link.source, link.target))
    return FlowResult(nodes=nodes, links=links[: limits.links])


def filters(spec: Flow) -> list[Placed]:
    """The filters that say which events are hops."""
    return in_list(spec.scope.filters, f"{FIELD}.scope.filters")


def persons(spec: Flow, of: ListPersonsRequest.OfFlow, scope: Scope) -> Sql:
    """The persons of the paths that pass a node or a link; of sessions also visitors without cookies, as their sessions count."""
    limits = _limits(spec)
    hop, rank = limits.hop_and_rank(of.source, "flow.source")
    place = sql("({hop} - ({before}))", hop=integer(hop), before=_hops_before(spec, limits))
    passed = [(place, rank)]
    if of.HasField("target"):
        next_hop, next_rank = limits.hop_and_rank(of.target, "flow.target")
        if next_hop != hop + 1:
            raise InvalidArgument("A link goes to the next hop.", field="flow.target", hint="Give a link as the answer has it.")
        passed.append((sql("({place} + 1)", place=place), next_rank))
    walks = _walks(spec, limits, sql("people"), paths(spec, FIELD, scope, with_people=True))
    return sql(
        _PERSONS,
        walks=walks,
        nodes=unsigned(limits.nodes),
        passes=join(" AND ", [sql("{place} > 0", place=place), *(_passes(limits, at, wanted) for at, wanted in passed)]),
    )


def _limits(spec: Flow) -> _Limits:
    return _Limits(
        hops=_limit(spec.max_hops, _DEFAULT_HOPS, _MAX_HOPS, "maxHops"),
        nodes=_limit(spec.max_nodes, _DEFAULT_NODES, _MAX_NODES, "maxNodes"),
        links=_limit(spec.max_links, _DEFAULT_LINKS, _MAX_LINKS, "maxLinks"),
    )


def _limit(asked: int, default: int, most: int, name: str) -> int:
    if not 0 <= asked <= most:
        raise InvalidArgument(f"`{name}` is 1 to {most}, not {asked}.", field=f"{FIELD}.{name}", hint=f"0 means {default}.")
    return asked or default


def _counts_persons(spec: Flow) -> bool:
    """Whether a unit may have several paths, and counts once."""
    if spec.link_value not in Flow.LinkValue.values():
        raise InvalidArgument(
            f"There is no link value {spec.link_value}.",
            field=f"{FIELD}.linkValue",
            hint="Use LINK_VALUE_UNITS or LINK_VALUE_TRANSITIONS.",
        )
    return spec.unit == Flow.UNIT_PERSON and spec.link_value != Flow.LINK_VALUE_TRANSITIONS


def _hops_before(spec: Flow, limits: _Limits) -> Sql:
    """What is to be added to a hop's place in its path: paths that lead to an end are shown with the end as the last hop."""
    if _shows_the_last(spec):
        return sql("{hops} - toInt64(length(hops))", hops=integer(limits.hops))
    return sql("toInt64(0)")


def _walks(spec: Flow, limits: _Limits, columns: Sql, of: Sql) -> Sql:
    """The part of each path that is shown; nothing of those that don't pass the anchors."""
    from_start = sql("arraySlice(walked, indexOf(walked, {start}))", start=text(spec.start)) if spec.start else sql("walked")
    to_end = sql("from_start")
    if spec.end and spec.start:
        to_end = sql(
            "arraySlice(from_start, 1, if(has(arraySlice(from_start, 2), {end}), indexOf(arraySlice(from_start, 2), {end}) + 1, 0))",
            end=text(spec.end),
        )
    elif spec.end:
        to_end = sql("arraySlice(from_start, 1, indexOf(from_start, {end}))", end=text(spec.end))
    return sql(
        _WALKS,
        columns=columns,
        walked=sql("labels" if spec.keep_repeats else "arrayCompact(labels)"),
        from_start=from_start,
        to_end=to_end,
        shown=sql("arraySlice(to_end, {first})", first=integer(-limits.hops))
        if _shows_the_last(spec)
        else sql("arraySlice(to_end, 1, {most})", most=integer(limits.hops)),
        paths=of,
    )


def _shows_the_last(spec: Flow) -> bool:
    return bool(spec.end) and not spec.start


def _passes(limits: _Limits, place: Sql, rank: int) -> Sql:
    """Whether a path has the label of that rank, or one beyond all that are kept, at a place."""
    return sql(
        "{place} <= length(hops) AND indexOf(kept, hops[{place}]) = {rank}",
        place=place,
        rank=unsigned(0 if rank == limits.others else rank),
    )
