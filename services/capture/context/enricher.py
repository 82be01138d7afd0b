"""What a request says of its client, as the context that goes with its events."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from services.capture.context.addresses import Address, Origins
from services.capture.context.bots import Bots, is_no_name
from services.capture.context.client_hints import hint_values, read_hints
from services.capture.context.places import CDN_COUNTRY, CDN_HEADERS, FindPlace, cdn_place
from services.capture.context.user_agents import describe
from services.rpc.call import Sender

# No browser's is as long; whoever sends longer ones shall not have them parsed.
_MAX_USER_AGENT = 1_000
_MAX_PLACE_HEADER = 200
_MAX_VALUE = 200
# How many are remembered, of what few differ in and many requests have in common.
_USER_AGENTS = 4_096
_PLACES = 16_384
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_VERIFIED = '"$bot":true'


@dataclass(frozen=True, slots=True)
class Client:
    """Who a request came from. Neither the address nor the user agent is ever stored: only what follows from them, in the context."""

    address: str = field(repr=False)
    user_agent: str
    # A JSON object of `$` properties; empty when there are none.
    context: str


class Enricher:
    """Tells of a request's sender who the client is. What it has worked out once it remembers."""

    def __init__(self, origins: Origins, find_place: FindPlace) -> None:
        """`find_place` is asked where an address is when no CDN has said it."""
        self._origins = origins
        self._find_place = find_place
        self._bots = Bots()
        self._user_agent_members = lru_cache(_USER_AGENTS)(self._describe)
        self._place_members = lru_cache(_PLACES)(self._locate)
        self._cdn_members = lru_cache(_PLACES)(_cdn_located)
        # ua-parser reads its data when it is first asked: the first request shall not wait for that.
        self._describe("", ())

    def client(self, sender: Sender) -> Client:
        """The client behind a request."""
        headers = sender.headers
        origin = self._origins.find(sender)
        user_agent = headers.get("user-agent", "")[:_MAX_USER_AGENT]
        described = self._user_agent_members(user_agent, hint_values(headers))
        if not origin.through_trusted_proxy:
            located = self._place_members(origin.address)
        else:
            located = self._cdn_members(_cdn_values(headers)) if CDN_COUNTRY in headers else self._place_members(origin.address)
            if headers.get("cf-verified-bot") == "true" and _VERIFIED not in described:
                described = f"{described},{_VERIFIED}" if described else _VERIFIED
        members = f"{described},{located}" if described and located else described or located
        return Client("" if origin.address is None else str(origin.address), user_agent, members and f"{{{members}}}")

    def _describe(self, user_agent: str, hints: tuple[str, ...]) -> str:
        text, clean_hints = _clean(user_agent), tuple(map(_clean, hints))
        properties = describe(text, read_hints(clean_hints))
        if bot := self._bot(text, clean_hints):
            properties |= {"$bot": True, "$bot_name": bot}
            if is_no_name(str(properties.get("$browser", ""))):
                properties["$browser"] = bot
        elif properties.get("$device") == "Spider":
            # ua-parser says so of HTTP libraries too.
            del properties["$device"]
        return _members(properties)

    def _bot(self, user_agent: str, hints: tuple[str, ...]) -> str:
        """An automated browser may hide in its User-Agent what its brands, the first two hints, still say."""
        names = (self._bots.name_of(text) for text in (user_agent, *hints[:2]))
        return next((name for name in names if name), "")

    def _locate(self, address: Address | None) -> str:
        return "" if address is None else _members(self._find_place(address))


def _clean(text: str) -> str:
    """Text that can be encoded and stored, whatever came."""
    return _CONTROL.sub(" ", text.encode(errors="replace").decode())


def _cdn_located(values: tuple[str, ...]) -> str:
    return _members(cdn_place(values))


def _cdn_values(headers: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(headers.get(name, "")[:_MAX_PLACE_HEADER] for name in CDN_HEADERS)


def _members(properties: Mapping[str, str | bool | float]) -> str:
    """The inside of a JSON object, so that what is remembered can be put together."""
    short = {key: value[:_MAX_VALUE] if isinstance(value, str) else value for key, value in properties.items()}
    return msgspec.json.encode(short).decode()[1:-1]
