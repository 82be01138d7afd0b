"""Finds out whose the cookieless events of a batch are."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, timedelta

from core.errors import SaltUnavailable
from services.capture.admission import Admission, erased
from services.capture.batch import Arrival, Reason
from services.capture.cookieless.degradations import Degradation, Degradations
from services.capture.cookieless.identity import day_of, is_accepted, packed, visitor_of
from services.capture.cookieless.salts import SaltBroken, Salts, SaltUnreadable
from services.capture.cookieless.sessions import Sessions
from services.capture.rules import Refused

_RETRY_AFTER = timedelta(seconds=1)
_ADDRESS = "the client's address"
_USER_AGENT = "a User-Agent header"


class Visitors:
    """Derives visitor and session from the day's salt, the project, and the request's address and user agent."""

    def __init__(self, salts: Salts, sessions: Sessions, degradations: Degradations) -> None:
        """All three count what cannot be done as it should be in one place."""
        self._salts = salts
        self._sessions = sessions
        self._degradations = degradations

    async def identify(self, admission: Admission, arrival: Arrival, address: str, user_agent: str) -> None:
        """Give every cookieless event its visitor, or turn it away with the reason; the others are left as they are.

        Raises SaltUnavailable when for want of a salt nothing of the batch would be accepted: then the whole of it can be sent again.
        """
        known = packed(address)
        if known is None or not user_agent.strip():
            self._turn_away_nobody(admission, missing_address=known is None, missing_agent=not user_agent.strip())
            return
        for day, moments in _by_day(admission.unidentified).items():
            if not is_accepted(day, arrival.received_at):
                _turn_away(admission, moments, _another_day(day))
            elif (salt := await self._salt(admission, day, moments, arrival)) is not None:
                visitor = visitor_of(salt, arrival.project_id, known, user_agent)
                if arrival.is_erased and arrival.is_erased(visitor.distinct_id):
                    # Before their session is kept.
                    _turn_away(admission, moments, erased())
                    continue
                sessions = await self._sessions.of(salt, visitor, set(moments.values()))
                for index, ms in moments.items():
                    admission.identify(index, visitor.distinct_id, sessions[ms])
        if (without_salt := admission.unidentified) and not admission.identified:
            raise SaltUnavailable(
                "Cookieless visitors cannot be told apart at the moment; nothing was accepted.",
                hint="Send the batch again.",
                retry_after=_RETRY_AFTER,
            )
        _turn_away(admission, without_salt, _salt_unavailable())

    def _turn_away_nobody(self, admission: Admission, *, missing_address: bool, missing_agent: bool) -> None:
        missing = " and ".join(what for what, is_missing in ((_ADDRESS, missing_address), (_USER_AGENT, missing_agent)) if is_missing)
        self._degradations.happened(Degradation.IDENTITY_UNAVAILABLE, f"a request without {missing}")
        message = (
            f"A cookieless visitor is told apart by address and user agent; the request came without {missing}. Or send a `distinctId`."
        )
        _turn_away(admission, admission.unidentified, Refused(Reason.COOKIELESS_IDENTITY_UNAVAILABLE, "cookieless", message))

    async def _salt(self, admission: Admission, day: date, moments: Collection[int], arrival: Arrival) -> bytes | None:
        """The day's salt; None when there is none, for ever or for now. In the latter case the events wait."""
        try:
            return await self._salts.of(day, arrival.received_at)
        except SaltBroken as error:
            self._degradations.happened(Degradation.SALT_CORRUPT, str(error))
            _turn_away(admission, moments, _salt_corrupt())
        except SaltUnreadable as error:
            self._degradations.happened(Degradation.SALT_UNAVAILABLE, str(error))
        return None


def _by_day(moments: Mapping[int, int]) -> dict[date, dict[int, int]]:
    days: defaultdict[date, dict[int, int]] = defaultdict(dict)
    for index, ms in moments.items():
        days[day_of(ms)][index] = ms
    return days


def _turn_away(admission: Admission, indexes: Collection[int], refused: Refused) -> None:
    for index in indexes:
        admission.turn_away(index, refused)


def _another_day(day: date) -> Refused:
    message = f"Cookieless events are accepted of today and yesterday in UTC, not of {day}. Send them sooner, or check the clock."
    return Refused(Reason.COOKIELESS_DAY_OUT_OF_RANGE, "occurredAt", message)


def _salt_corrupt() -> Refused:
    message = "Cookieless visitors of this day cannot be told apart: what they are derived from is damaged. Tell who runs this Pug."
    return Refused(Reason.SALT_CORRUPT, "cookieless", message)


def _salt_unavailable() -> Refused:
    message = "Cookieless visitors cannot be told apart at the moment. Send this event again, with the same id."
    return Refused(Reason.SALT_UNAVAILABLE, "cookieless", message)
