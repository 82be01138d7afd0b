"""Whether anything at all is held under an id: in the events, in those that wait to be stored, or among the dead letters."""

from contextlib import aclosing

from nats.js.client import JetStreamContext

from core.clickhouse import ClickHouse
from core.dead_letters import Traces, letters
from core.errors import StreamUnavailable
from core.jetstream import messages
from core.sql import sql, text, unsigned
from services.insights.limits import QueryLimits, limited
from services.rpc.call import Call

_WAITING = "EVENTS"
_SUBJECTS = "events.>"
# Each is asked for by itself.
_MOST_WAITING = 1_000
# A cookieless visitor has no activity, and is found among the events.
_EVENTS = """
SELECT
    (SELECT count() FROM person_activity WHERE project_id = {project} AND distinct_hash = sipHash64({id}) AND distinct_id = {id})
    + (SELECT count() FROM events WHERE project_id = {project} AND distinct_hash = sipHash64({id}) AND distinct_id = {id})"""


class Holdings:
    """Looks through the stores that know ids nobody was ever identified by."""

    def __init__(self, clickhouse: ClickHouse, jetstream: JetStreamContext, limits: QueryLimits) -> None:
        """`limits` are those of one query."""
        self._clickhouse = clickhouse
        self._jetstream = jetstream
        self._limits = limits

    async def has(self, distinct_id: str, call: Call) -> bool:
        """Whether something is there under the id; raises StreamUnavailable when so much waits to be stored that it cannot be said."""
        traces = Traces(call.project.id, [distinct_id])
        # What waits first: an event that is stored meanwhile is found in ClickHouse.
        return await self._waits(traces) or await self._is_stored(distinct_id, call) or await self._is_dead(traces)

    async def _waits(self, traces: Traces) -> bool:
        looked_at = 0
        async for message in messages(self._jetstream, _WAITING, _SUBJECTS):
            if traces.places(message.data or b""):
                return True
            if (looked_at := looked_at + 1) == _MOST_WAITING:
                break
        else:
            return False
        raise StreamUnavailable(
            "So many events wait to be stored that it cannot be said whether some are this person's.",
            hint="Try again when they are stored; `pug status` shows how many wait.",
        )

    async def _is_stored(self, distinct_id: str, call: Call) -> bool:
        query = sql(_EVENTS, project=unsigned(call.project.id), id=text(distinct_id))
        found = await self._clickhouse.query(limited(query, self._limits, call.timeout_s))
        return bool(found.rows[0][0])

    async def _is_dead(self, traces: Traces) -> bool:
        async with aclosing(letters(self._jetstream)) as found:
            async for letter in found:
                if traces.places(letter.data):
                    return True
        return False
