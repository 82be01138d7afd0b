"""Makes a QueryRequest of what the command line says."""

import json
from datetime import UTC, datetime
from typing import cast

from app.cli.client import UsageError
from app.cli.querying.filters import filter_of
from app.cli.querying.options import Framing
from app.cli.querying.words import enum_value, instant_of, span_of
from core.errors import PugError
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.filter_pb2 import FilterGroup
from services.rpc.codecs import read_json

_SHAPE = "Write a QueryRequest or an Insight, as in proto/pug/insights/v1."
_PREVIOUS = "previous"


def request_of(
    insight: pb.Insight, framing: Framing, *, granularity: str | None = None, compare: str | None = None, approximate: bool = False
) -> pb.QueryRequest:
    """The question about an insight."""
    return framed(pb.QueryRequest(insight=insight), framing, granularity=granularity, compare=compare, approximate=approximate)


def request_of_text(text: str) -> pb.QueryRequest:
    """The QueryRequest in a JSON text; a bare Insight becomes one without a range."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UsageError(f"The question is not JSON: {error}.", _SHAPE) from error
    if not isinstance(content, dict):
        raise UsageError("The question is JSON, but not an object.", _SHAPE)
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


def framed(
    request: pb.QueryRequest, framing: Framing, *, granularity: str | None = None, compare: str | None = None, approximate: bool = False
) -> pb.QueryRequest:
    """The request with what the options say; about the last 30 days when nobody says anything."""
    result = pb.QueryRequest()
    result.CopyFrom(request)
    if granularity:
        result.granularity = cast("pb.Granularity", enum_value(pb.Granularity, "GRANULARITY", granularity, "--granularity"))
    if compare:
        result.compare.CopyFrom(pb.Compare() if compare == _PREVIOUS else pb.Compare(offset=span_of(compare, "--compare")))
    if approximate:
        result.approximate = True
    _say_time(result, framing)
    _say_range(result, framing)
    _say_who(result, framing)
    return result


def _say_time(request: pb.QueryRequest, framing: Framing) -> None:
    if framing.time_zone:
        request.time_zone = framing.time_zone
    if framing.week_start:
        request.week_start = cast("pb.WeekStart", enum_value(pb.WeekStart, "WEEK_START", framing.week_start, "--week-start"))


def _say_range(request: pb.QueryRequest, framing: Framing) -> None:
    if framing.preset and (framing.since or framing.until):
        raise UsageError("--preset and --from/--to both say the range.", "Give one of them.")
    if framing.preset:
        request.preset = cast("pb.Preset", enum_value(pb.Preset, "PRESET", framing.preset, "--preset"))
    if framing.since:
        getattr(request.time_range, "from").FromDatetime(instant_of(framing.since, request.time_zone, "--from"))
    if framing.until:
        request.time_range.to.FromDatetime(instant_of(framing.until, request.time_zone, "--to"))
    if framing.until and not request.time_range.HasField("from"):
        raise UsageError("--to is given without a beginning.", "Give --from too.")
    if framing.since and not request.time_range.HasField("to"):
        request.time_range.to.FromDatetime(datetime.now(UTC))
    if request.WhichOneof("range") is None:
        request.preset = pb.PRESET_LAST_30_DAYS


def _say_who(request: pb.QueryRequest, framing: Framing) -> None:
    if framing.any_where and not framing.where:
        raise UsageError("--any says how filters are joined, but there are none.", "Give --where too.")
    if framing.where:
        match = FilterGroup.MATCH_ANY if framing.any_where else FilterGroup.MATCH_ALL
        given = FilterGroup(match=match, filters=[filter_of(each) for each in framing.where])
        both = request.insight.HasField("filters")
        request.insight.filters.CopyFrom(FilterGroup(groups=[request.insight.filters, given]) if both else given)
    if framing.include_cookieless:
        request.insight.include_cookieless = True
    if framing.as_of_identity:
        request.as_of_identity = framing.as_of_identity
