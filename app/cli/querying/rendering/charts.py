"""Numbers as bars, sparklines and shares."""

import statistics
from collections.abc import Sequence
from itertools import pairwise

_TICKS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_SHADES = " ░▒▓█"


def bar(share: float, width: int) -> str:
    """A bar of so many columns for 1, to an eighth of a column; whatever is more than 0 can be seen."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    if share > 0 and not eighths:
        eighths = 1
    whole, rest = divmod(eighths, 8)
    return _EIGHTHS[8] * whole + (_EIGHTHS[rest] if rest else "")


def sparkline(values: Sequence[float], longest: int) -> str:
    """The values as a row of small bars; the lowest bar is zero, or the least value when one is below zero.

    More values than fit are averaged, neighbours together.
    """
    if not values:
        return ""
    points = _averaged(values, longest)
    floor = min(0.0, *points)
    reach = max(points) - floor
    return "".join(_TICKS[round((point - floor) / reach * (len(_TICKS) - 1))] if reach else _TICKS[0] for point in points)


def shade(share: float, most: float) -> str:
    """A share as a shaded square, the darkest for the most there is; blank for none."""
    if share <= 0 or most <= 0:
        return _SHADES[0]
    return _SHADES[max(1, min(4, round(share / most * 4)))]


def percent(share: float) -> str:
    """A share as `49.6 %`."""
    return f"{share * 100:.1f} %"


def change(value: float, before: float) -> str:
    """How a value has changed, as `+12.3 %`; a dash where there was nothing."""
    if value == before:
        return "0.0 %"
    return f"{(value - before) / abs(before) * 100:+.1f} %" if before else "–"


def _averaged(values: Sequence[float], longest: int) -> Sequence[float]:
    if len(values) <= longest:
        return values
    edges = [place * len(values) // longest for place in range(longest + 1)]
    return [statistics.fmean(values[start:end]) for start, end in pairwise(edges)]
