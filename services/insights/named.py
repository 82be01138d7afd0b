"""Which events, properties and traits a question names."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Value

from pug.insights.v1.filter_pb2 import EventMatcher, Source
from pug.insights.v1.flow_pb2 import Flow
from pug.insights.v1.insights_pb2 import Insight
from services.insights.session_facts import MEASURED
from services.insights.vocabulary import CLIENT_OR_DERIVED, DERIVED

_MAX_NAMES = 50
_MAX_LENGTH = 200
# The names of ours that may be left out of what a project has sent.
OURS = {*CLIENT_OR_DERIVED, *DERIVED}


@dataclass(frozen=True, slots=True)
class Named:
    """What a question names, each once and in its order."""

    events: tuple[str, ...]
    properties: tuple[str, ...]
    traits: tuple[str, ...]


def names_in(insight: Insight) -> Named:
    """The events, the events' properties and the traits that an insight of any kind names, at most so many of each."""
    messages = list(_messages(insight))
    matched = (one.name for one in messages if isinstance(one, EventMatcher))
    events = (name for name in (*matched, *_ends_of_paths(insight.flow)) if name)
    keys = [found for one in messages if (found := _key(one))]
    properties = (key for key, source in keys if source != Source.SOURCE_PERSON and not _is_ours(key, source))
    traits = (key for key, source in keys if source == Source.SOURCE_PERSON)
    return Named(_few(events), _few(properties), _few(traits))


def _messages(message: Message) -> Iterator[Message]:
    """A message and all inside it but values, of which a filter may have a thousand."""
    yield message
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None or descriptor.message_type is Value.DESCRIPTOR:
            continue
        for inner in cast("Sequence[Message]", value if descriptor.is_repeated else [value]):
            yield from _messages(inner)


def _ends_of_paths(flow: Flow) -> tuple[str, ...]:
    """The events at which paths start and end; none where a hop is called something else."""
    return () if flow.node == Flow.NODE_PROPERTY or flow.groups else (flow.start, flow.end)


def _key(message: Message) -> tuple[str, int] | None:
    """The key of the property a message names, and its source."""
    # In every message that names a property the field is called so, and `source` beside it says whose; without one it is the event's.
    fields = message.DESCRIPTOR.fields_by_name
    if "property" not in fields:
        return None
    key = cast("str", getattr(message, "property"))  # noqa: B009 (of any message)
    source = cast("int", getattr(message, "source")) if "source" in fields else Source.SOURCE_EVENT  # noqa: B009 (of any message)
    return (key, source) if key else None


def _is_ours(key: str, source: int) -> bool:
    return key in OURS or (source == Source.SOURCE_SESSION and key in MEASURED)


def _few(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys(names) if len(name) <= _MAX_LENGTH)[:_MAX_NAMES]
