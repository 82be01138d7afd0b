"""Ids as callers write them. One that is no UUID is as unknown as one of another project."""

from uuid import UUID

from core.errors import DashboardNotFound, NotFound, SavedInsightNotFound, TileNotFound


def uuid_of(text: str, unknown: NotFound) -> UUID:
    """The id, or `unknown` is raised."""
    try:
        found = UUID(text)
    except ValueError as error:
        raise unknown from error
    # Other spellings of the same 128 bits are nobody's.
    if str(found) != text:
        raise unknown
    return found


def no_dashboard() -> NotFound:
    """There is no such dashboard, for this project at least."""
    return DashboardNotFound("The project has no such dashboard.", field="id", hint="ListDashboards lists them.")


def no_tile(field: str) -> NotFound:
    """There is no such tile on the dashboard."""
    return TileNotFound("The dashboard has no such tile.", field=field, hint="GetDashboard shows its tiles; a new one has no id yet.")


def no_saved_insight(field: str = "id") -> NotFound:
    """There is no such saved insight, for this project at least."""
    return SavedInsightNotFound("The project has no such saved insight.", field=field, hint="ListSavedInsights lists them.")
