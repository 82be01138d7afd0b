"""Whether anything at all is held under an id: in the events, in those that wait to be stored, or among the dead letters."""

import nats.errors
import nats.js.errors
from nats.js.client import JetStreamContext

from core.clickhouse import ClickHouse
from core.dead_letters import Traces, letters
from core.errors import StreamUnavailable
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
        place = 1
        for _ in range(_MOST_WAITING):
            try:
                message = await self._jetstream.get_msg(_WAITING, seq=place, subject=_SUBJECTS, direct=True, next=True)
            except nats.js.errors.NotFoundError:
                return False
            except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
                raise StreamUnavailable("The event stream does not answer.", hint="Try again in a moment.") from error
            if traces.places(message.data or b""):
                return True
            place = (message.seq or place) + 1
        raise StreamUnavailable(
            "So many events wait to be stored that it cannot be said whether some are this person's.",
            hint="Try again when they are stored; `pug status` shows how many wait.",
        )

    async def _is_stored(self, distinct_id: str, call: Call) -> bool:
        query = sql(_EVENTS, project=unsigned(call.project.id), id=text(distinct_id))
        found = await self._clickhouse.query(limited(query, self._limits, call.timeout_s))
        return bool(found.rows[0][0])

    async def _is_dead(self, traces: Traces) -> bool:
        async for rows in letters(self._jetstream):
            if traces.places(rows):
                return True
        return False
