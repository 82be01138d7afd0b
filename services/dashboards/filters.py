"""Joins the filters of a dashboard, of whoever looks at it, and of an insight."""

from collections.abc import Iterable

from pug.insights.v1.filter_pb2 import FilterGroup

_ALL = (FilterGroup.MATCH_UNSPECIFIED, FilterGroup.MATCH_ALL)


def joined(groups: Iterable[FilterGroup]) -> FilterGroup:
    """A group that passes what all of them pass, nested no deeper than it has to be: the depth of groups is limited."""
    parts = [group for group in groups if group.filters or group.groups]
    if len(parts) == 1:
        return parts[0]
    whole = FilterGroup()
    for part in parts:
        if part.match in _ALL:
            whole.filters.extend(part.filters)
            whole.groups.extend(part.groups)
        else:
            whole.groups.append(part)
    return whole
