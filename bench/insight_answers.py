"""The numbers of an answer, in the rows that hand-written SQL gives, so that the two can be compared; of noughts neither says anything."""

from collections.abc import Iterator, Sequence

from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.flow_pb2 import FlowResult
from pug.insights.v1.insights_pb2 import QueryResponse
from pug.insights.v1.lifecycle_pb2 import LifecycleResult
from pug.insights.v1.retention_pb2 import RetentionResult
from pug.insights.v1.trends_pb2 import TrendsResult

Row = tuple[object, ...]


def numbers_of(answer: QueryResponse) -> list[Row]:
    """The numbers of an answer of Pug."""
    return _compared(_rows(answer))


def by_hand_of(rows: Sequence[Row]) -> list[Row]:
    """Those that hand-written SQL found."""
    return _compared(rows)


def _compared(rows: Sequence[Row] | Iterator[Row]) -> list[Row]:
    """In one order, and without the last digits, which depend on the order of the terms of a sum."""
    rounded = (tuple(float(f"{one:.9g}") if isinstance(one, int | float) else str(one) for one in row) for row in rows)
    return sorted((row for row in rounded if row[-1]), key=repr)


def _rows(answer: QueryResponse) -> Iterator[Row]:
    match answer.WhichOneof("result"):
        case "trends":
            yield from _trends(answer.trends)
        case "segmentation":
            yield from ((_label(row.cell), row.value) for row in answer.segmentation.rows)
        case "funnel":
            yield from (
                (_label(series.cell), place, step.count) for series in answer.funnel.series for place, step in enumerate(series.steps, 1)
            )
        case "retention":
            yield from _retention(answer.retention)
        case "stickiness":
            yield from enumerate(answer.stickiness.counts, 1)
        case "lifecycle":
            yield from _lifecycle(answer.lifecycle)
        case "flow":
            yield from _flow(answer.flow)
        case "top_k":
            yield from (("others" if row.others else row.value, row.metric) for row in answer.top_k.rows)
        case _:
            raise NotImplementedError(answer)


def _label(cell: Cell) -> str:
    return "others" if cell.others else ", ".join(value.value for value in cell.values)


def _trends(result: TrendsResult) -> Iterator[Row]:
    """The days of the range compared with count below 0."""
    for series in result.series:
        yield from ((_label(series.cell), day, value) for day, value in enumerate(series.values))
        yield from ((_label(series.cell), day, value) for day, value in enumerate(series.compare_values, -len(series.compare_values)))


def _retention(result: RetentionResult) -> Iterator[Row]:
    for series in result.series:
        for place, cohort in enumerate(series.cohorts):
            yield from ((_label(series.cell), place, period, count) for period, count in enumerate(cohort.counts))


def _lifecycle(result: LifecycleResult) -> Iterator[Row]:
    states = {"new": result.new, "returning": result.returning, "resurrecting": result.resurrecting, "dormant": result.dormant}
    return ((state, day, count) for state, counts in states.items() for day, count in enumerate(counts))


def _flow(result: FlowResult) -> Iterator[Row]:
    """Of links only their sizes: which of several as large are shown is left open."""
    yield from (("node", f"{node.hop} {'others' if node.others else node.label}", node.value) for node in result.nodes)
    yield from (("link", "", link.value) for link in result.links)
