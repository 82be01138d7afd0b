"""Makes a QueryRequest of what the command line says."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from app.cli.client import UsageError
from core.errors import PugError
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.breakdown_pb2 import Breakdown
from pug.insights.v1.filter_pb2 import EventMatcher
from pug.insights.v1.metric_pb2 import Metric
from pug.insights.v1.trends_pb2 import Trends
from services.rpc.codecs import read_json

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Shorthand:
    """A trend of one series, said without a file."""

    event: str | None = None
    metric: str | None = None
    property_key: str | None = None
    breakdowns: tuple[str, ...] = ()
    limit: int | None = None

    @property
    def is_given(self) -> bool:
        """Whether anything of it was said."""
        return self != Shorthand()


@dataclass(frozen=True, slots=True)
class Framing:
    """The time a question is asked about; what isn't said here is left as it is in the file."""

    begin: str | None = None
    end: str | None = None
    preset: str | None = None
    granularity: str | None = None
    time_zone: str | None = None


def request_of_text(text: str) -> pb.QueryRequest:
    """The QueryRequest in a JSON text; a bare Insight becomes one without a range."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UsageError(
            f"The question is not JSON: {error}.", "Write a QueryRequest or an Insight, as in proto/pug/insights/v1."
        ) from error
    if not isinstance(content, dict):
        raise UsageError("The question is JSON, but not an object.", "Write a QueryRequest or an Insight, as in proto/pug/insights/v1.")
    members = cast("dict[str, object]", content)
    kinds = {field.json_name for field in pb.Insight.DESCRIPTOR.fields} | {field.name for field in pb.Insight.DESCRIPTOR.fields}
    if "insight" not in members and kinds & members.keys():
        members = {"insight": members}
    try:
        request = read_json(json.dumps(members).encode(), pb.QueryRequest)
    except PugError as error:
        raise UsageError(error.message, error.hint) from error
    assert isinstance(request, pb.QueryRequest)
    return request


def request_of_shorthand(shorthand: Shorthand) -> pb.QueryRequest:
    """A trend of one series."""
    kind = enum_value(Metric.Kind, "KIND", shorthand.metric, "--metric") if shorthand.metric else Metric.KIND_UNSPECIFIED
    series = Trends.Series(
        event=EventMatcher(name=shorthand.event or ""),
        metric=Metric(kind=cast("Metric.Kind", kind), property=shorthand.property_key or ""),
    )
    trends = Trends(
        series=[series],
        breakdowns=[Breakdown(property=name) for name in shorthand.breakdowns],
        breakdown_limit=shorthand.limit or 0,
    )
    return pb.QueryRequest(insight=pb.Insight(trends=trends))


def framed(request: pb.QueryRequest, framing: Framing) -> pb.QueryRequest:
    """The request with what the options say about time; the last 30 days when nobody says anything."""
    result = pb.QueryRequest()
    result.CopyFrom(request)
    if framing.time_zone:
        result.time_zone = framing.time_zone
    if framing.granularity:
        result.granularity = cast("pb.Granularity", enum_value(pb.Granularity, "GRANULARITY", framing.granularity, "--granularity"))
    if framing.preset and (framing.begin or framing.end):
        raise UsageError("--preset and --from/--to both say the range.", "Give one of them.")
    if framing.preset:
        result.preset = cast("pb.Preset", enum_value(pb.Preset, "PRESET", framing.preset, "--preset"))
    if framing.begin:
        getattr(result.time_range, "from").FromDatetime(instant_of(framing.begin, result.time_zone, "--from"))
    if framing.end:
        result.time_range.to.FromDatetime(instant_of(framing.end, result.time_zone, "--to"))
    if framing.end and not result.time_range.HasField("from"):
        raise UsageError("--to is given without a beginning.", "Give --from too.")
    if framing.begin and not result.time_range.HasField("to"):
        result.time_range.to.FromDatetime(datetime.now(UTC))
    if result.WhichOneof("range") is None:
        result.preset = pb.PRESET_LAST_30_DAYS
    return result


def enum_value(enum: EnumTypeWrapper, prefix: str, given: str, option: str) -> int:
    """`last_30_days` as PRESET_LAST_30_DAYS."""
    names = [name.removeprefix(f"{prefix}_") for name in enum.keys() if not name.endswith("_UNSPECIFIED")]  # noqa: SIM118 (not a dict)
    wanted = given.upper().replace("-", "_").removeprefix(f"{prefix}_")
    if wanted not in names:
        raise UsageError(f"{option}: there is no '{given}'.", f"There are: {', '.join(name.lower() for name in names)}.")
    return enum.Value(f"{prefix}_{wanted}")


def instant_of(text: str, time_zone: str, option: str) -> datetime:
    """A date or time as an instant; without an offset it is in the time zone, UTC when none is said."""
    try:
        zone = ZoneInfo(time_zone or "UTC")
        moment = datetime.fromisoformat(text)
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(
            f"{option}: '{text}' in '{time_zone or 'UTC'}' is not a time.", "Write it like 2026-03-01 or 2026-03-01T12:00:00Z."
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def series_names(request: pb.QueryRequest) -> dict[str, str]:
    """What to call each series of a trend: `sum of dollars, purchase`."""
    series = request.insight.trends.series
    return {chr(ord("A") + place): _series_name(each) for place, each in enumerate(series)}


def additive_series(request: pb.QueryRequest) -> frozenset[str]:
    """The letters of the series whose buckets may be added up."""
    kinds = {Metric.KIND_UNSPECIFIED, Metric.KIND_TOTAL, Metric.KIND_SUM}
    return frozenset(chr(ord("A") + place) for place, each in enumerate(request.insight.trends.series) if each.metric.kind in kinds)


def _series_name(series: Trends.Series) -> str:
    event = series.event.name or "any event"
    kind = Metric.Kind.Name(series.metric.kind).removeprefix("KIND_").lower().replace("_", " ")
    if kind in {"unspecified", "total"}:
        return event
    return f"{event}: {kind} of {series.metric.property}" if series.metric.property else f"{event}: {kind}"


def as_list(values: Sequence[str] | None) -> tuple[str, ...]:
    """An option that may be given several times."""
    return tuple(values or ())
