"""What a dashboard and its tiles may say, apart from their insights. Each rule names the field by its path in the request."""

import math
from collections.abc import Sequence

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from core.errors import InvalidArgument, MissingField, TileInvalid, TooLong, TooMany
from pug.dashboards.v1.tile_pb2 import Axes, Header, Position, Threshold, Tile

MAX_TILES = 100
COLUMNS = 72
_MAX_NAME = 150
_MAX_DESCRIPTION = 2_000
_MAX_MARKDOWN = 100_000
_MAX_Y = 100_000
_MAX_HEIGHT = 800
_MAX_THRESHOLDS = 5
# Of an icon, a prefix, a suffix: what fits beside a number.
_MAX_MARK = 8


def check_names(name: str, description: str, field: str = "") -> None:
    """A name of at least one character, and a description; `field` is the path of what has them, with its dot."""
    if not name.strip():
        raise MissingField("It needs a name.", field=f"{field}name", hint=f"1 to {_MAX_NAME} characters.")
    _check_text(name, _MAX_NAME, f"{field}name")
    _check_text(description, _MAX_DESCRIPTION, f"{field}description")


def check_count(tiles: Sequence[Tile], field: str) -> None:
    """Not more tiles than a dashboard has."""
    if len(tiles) > MAX_TILES:
        raise TooMany(f"A dashboard has at most {MAX_TILES} tiles.", field=field, hint="Make another dashboard.")


def check_look(tile: Tile, field: str) -> None:
    """Everything of a tile but its insight and how that is drawn."""
    _check_text(tile.name, _MAX_NAME, f"{field}.name")
    _check_text(tile.description, _MAX_DESCRIPTION, f"{field}.description")
    if tile.HasField("position"):
        _check_position(tile.position, f"{field}.position")
    _check_content(tile, field)
    _check_thresholds(tile.thresholds, f"{field}.thresholds")
    _check_header(tile.header, f"{field}.header")
    _check_axes(tile.axes, f"{field}.axes")


def _check_text(text: str, most: int, field: str) -> None:
    if len(text) > most:
        raise TooLong(f"It has at most {most:,} characters.", field=field, hint="Shorten it.")
    if "\0" in text:
        raise InvalidArgument("The text has a NUL in it.", field=field, hint="Leave it out.")


def _check_position(position: Position, field: str) -> None:
    _check_between(position.x, 0, COLUMNS - 1, f"{field}.x")
    _check_between(position.y, 0, _MAX_Y, f"{field}.y")
    _check_between(position.width, 1, COLUMNS, f"{field}.width")
    _check_between(position.height, 1, _MAX_HEIGHT, f"{field}.height")
    if position.x + position.width > COLUMNS:
        raise TileInvalid(
            f"The tile ends at column {position.x + position.width}, and there are {COLUMNS}.",
            field=f"{field}.width",
            hint=f"At x = {position.x} a tile is at most {COLUMNS - position.x} wide.",
        )


def _check_between(value: int, least: int, most: int, field: str) -> None:
    if not least <= value <= most:
        raise TileInvalid(f"{value} is not between {least} and {most:,}.", field=field, hint=f"Use {least} to {most:,}.")


def _check_content(tile: Tile, field: str) -> None:
    match tile.WhichOneof("content"):
        case "markdown":
            if not tile.markdown:
                raise MissingField("The text is empty.", field=f"{field}.markdown", hint=f"1 to {_MAX_MARKDOWN:,} characters.")
            _check_text(tile.markdown, _MAX_MARKDOWN, f"{field}.markdown")
            if tile.view_mode:
                raise TileInvalid("A text is not drawn in a mode.", field=f"{field}.viewMode", hint="Leave it out.")
            if tile.HasField("compare"):
                raise TileInvalid("A text is compared with nothing.", field=f"{field}.compare", hint="Leave it out.")
        case None:
            raise MissingField("The tile shows nothing.", field=field, hint="Give it an insight, a savedInsightId or markdown.")
        case _:
            return


def _check_thresholds(thresholds: Sequence[Threshold], field: str) -> None:
    if len(thresholds) > _MAX_THRESHOLDS:
        raise TooMany(f"A tile has at most {_MAX_THRESHOLDS} thresholds.", field=field, hint="Leave some out.")
    for place, threshold in enumerate(thresholds):
        path = f"{field}[{place}]"
        if threshold.op == Threshold.OP_UNSPECIFIED:
            raise MissingField("The threshold does not say how to compare.", field=f"{path}.op", hint="Such as OP_GT.")
        _check_known(threshold.op, Threshold.Op, f"{path}.op")
        _check_known(threshold.tone, Threshold.Tone, f"{path}.tone")
        if not math.isfinite(threshold.value):
            raise InvalidArgument("The threshold is no finite number.", field=f"{path}.value", hint="Such as 0.5.")


def _check_header(header: Header, field: str) -> None:
    _check_text(header.icon, _MAX_MARK, f"{field}.icon")
    _check_known(header.accent, Header.Accent, f"{field}.accent")


def _check_axes(axes: Axes, field: str) -> None:
    _check_known(axes.format, Axes.Format, f"{field}.format")
    _check_known(axes.legend, Axes.Legend, f"{field}.legend")
    _check_text(axes.prefix, _MAX_MARK, f"{field}.prefix")
    _check_text(axes.suffix, _MAX_MARK, f"{field}.suffix")
    if axes.logarithmic and axes.from_zero:
        raise TileInvalid("A logarithmic axis has no zero to begin at.", field=f"{field}.fromZero", hint="Leave one of the two out.")


def _check_known(value: int, enum: EnumTypeWrapper, field: str) -> None:
    if value not in enum.values():
        raise InvalidArgument(f"There is no {value} there.", field=field, hint=f"Use one of {', '.join(enum.keys())}.")
