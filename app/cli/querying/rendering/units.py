"""How the numbers of an answer are written."""

from collections.abc import Sequence
from enum import Enum

from app.cli.output import duration_text, number_texts
from app.cli.querying.rendering.charts import percent
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.sessions_pb2 import Sessions


class Unit(Enum):
    """What a number is of."""

    NUMBER = "number"
    SECONDS = "seconds"
    SHARE = "share"


_OF_SESSIONS: dict[int, Unit] = {
    Sessions.METRIC_AVG_DURATION: Unit.SECONDS,
    Sessions.METRIC_MEDIAN_DURATION: Unit.SECONDS,
    Sessions.METRIC_BOUNCE_RATE: Unit.SHARE,
}


def unit_of(request: pb.QueryRequest) -> Unit:
    """What the numbers of an answer are of."""
    return _OF_SESSIONS.get(request.insight.sessions.metric, Unit.NUMBER)


def unit_texts(values: Sequence[float], unit: Unit) -> list[str]:
    """The numbers of one column."""
    match unit:
        case Unit.NUMBER:
            return number_texts(values)
        case Unit.SECONDS:
            return [duration_text(value) for value in values]
        case Unit.SHARE:
            return [percent(value) for value in values]
