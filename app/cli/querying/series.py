"""Series of trends and segmentations: what people type, and what the lines are called."""

import re
from collections.abc import Sequence
from typing import cast

from app.cli.client import UsageError
from app.cli.querying.filters import event_of
from app.cli.querying.words import enum_value, names_of
from pug.insights.v1.filter_pb2 import EventMatcher
from pug.insights.v1.metric_pb2 import Metric
from pug.insights.v1.trends_pb2 import Trends

METRICS = ", ".join(names_of(Metric.Kind, "KIND"))
_WITH_METRIC = re.compile(r"(?P<event>.*?):\s*(?P<kind>[a-z0-9_ ]+?)(?:\s+of\s+(?P<property>.+))?", re.DOTALL)
_LABELLED = re.compile(r"(?:(?P<label>[^=]+)=)?(?P<expression>[^=]+)")


def series_of(events: Sequence[str], metric: str | None, property_key: str | None) -> list[Trends.Series]:
    """One series for each event, any event when there is none; `purchase: sum of price` has a metric of its own."""
    default = metric_of(metric, property_key)
    return [_one_series(each, default) for each in events or [""]]


def metric_of(kind: str | None, property_key: str | None) -> Metric | None:
    """What --metric and --property say; None when they say nothing."""
    if kind is None and property_key is None:
        return None
    return Metric(kind=cast("Metric.Kind", enum_value(Metric.Kind, "KIND", kind, "--metric")), property=property_key or "")


def formulas_of(texts: Sequence[str]) -> list[Trends.Formula]:
    """`B / A * 100` or `conversion = B / A * 100`, each as a line of its own."""
    return [_formula(each) for each in texts]


def series_names(series: Sequence[Trends.Series]) -> dict[str, str]:
    """What to call each series: `purchase: sum of price`."""
    return {chr(ord("A") + place): _series_name(each) for place, each in enumerate(series)}


def additive_series(series: Sequence[Trends.Series]) -> frozenset[str]:
    """The letters of the series whose buckets may be added up."""
    kinds = {Metric.KIND_UNSPECIFIED, Metric.KIND_TOTAL, Metric.KIND_SUM}
    return frozenset(chr(ord("A") + place) for place, each in enumerate(series) if each.metric.kind in kinds)


def metric_name(metric: Metric) -> str:
    """`sum of price`, `persons`."""
    kind = Metric.Kind.Name(metric.kind or Metric.KIND_TOTAL).removeprefix("KIND_").lower().replace("_", " ")
    return f"{kind} of {metric.property}" if metric.property else kind


def event_name(event: EventMatcher) -> str:
    """What a person calls an event."""
    return (event.name or "any event") + (" (filtered)" if event.filters else "")


def _one_series(text: str, default: Metric | None) -> Trends.Series:
    found = _WITH_METRIC.fullmatch(text)
    # A colon may also be part of an event's name: only a metric after it says that it isn't.
    if found and found["kind"].replace(" ", "_") in names_of(Metric.Kind, "KIND"):
        return Trends.Series(event=event_of(found["event"], "--event"), metric=metric_of(found["kind"], found["property"]))
    return Trends.Series(event=event_of(text, "--event"), metric=default)


def _formula(text: str) -> Trends.Formula:
    found = _LABELLED.fullmatch(text)
    if found is None:
        raise UsageError(f"--formula: '{text}' is not a formula.", "Write it like 'B / A * 100' or 'conversion = B / A * 100'.")
    return Trends.Formula(expression=found["expression"].strip(), label=(found["label"] or "").strip())


def _series_name(series: Trends.Series) -> str:
    event = event_name(series.event)
    return event if series.metric.kind in {Metric.KIND_UNSPECIFIED, Metric.KIND_TOTAL} else f"{event}: {metric_name(series.metric)}"
