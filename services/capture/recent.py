"""Remembers which events were accepted not long ago, so that a receipt can say of one that comes again that it is a duplicate.

That is a courtesy, and saves work: whether an event counts once is decided where it is stored (workers/duplicates.py), since another
process may have accepted it, and this one forgets.
"""

from collections.abc import Iterable

_HELD = 200_000


class RecentEvents:
    """Knows the last `held` events accepted by this process, and up to as many before; about 200 bytes each."""

    def __init__(self, held: int = _HELD) -> None:
        self._held = held
        # By the event's id, the project; an id that two projects use is known of the later one.
        self._young: dict[str, int] = {}
        self._old: dict[str, int] = {}

    def remember(self, project_id: int, event_ids: Iterable[str]) -> None:
        """These are accepted: JetStream holds them."""
        self._young.update(dict.fromkeys(event_ids, project_id))
        if len(self._young) > self._held:
            self._young, self._old = {}, self._young

    def known(self, project_id: int, event_ids: Iterable[str]) -> set[str]:
        """Those of the ids whose event was accepted."""
        ids = set(event_ids)
        # As good as always there are none, and then it takes two passes in C.
        if self._young.keys().isdisjoint(ids) and self._old.keys().isdisjoint(ids):
            return set()
        return {event_id for event_id in ids if project_id in (self._young.get(event_id), self._old.get(event_id))}
