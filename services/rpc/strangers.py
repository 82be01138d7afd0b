"""Lets in whoever calls what needs no credential, as often as one address may."""

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from core.allowance import Allowances, Rate
from core.errors import RateLimited
from core.words import counted
from services.rpc.call import Credential, Scope, Sender

# So many seconds' worth of calls may come at once.
_BURST_S = 5
# One customer of a provider has at least so many addresses of IPv6.
_IPV6_PREFIX = 64


class Strangers:
    """Counts calls by address."""

    def __init__(self, address_of: Callable[[Sender], str], calls_per_second: int, now: Callable[[], float]) -> None:
        """`address_of` finds the client's address behind proxies; `now` is a clock in seconds that never goes back."""
        self._address_of = address_of
        self._calls_per_second = calls_per_second
        self._allowances = Allowances(Rate(calls_per_second * _BURST_S, timedelta(seconds=1 / calls_per_second)), now)

    def admit(self, sender: Sender) -> Credential:
        """What anybody holds; its `key_id` says where they call from."""
        key_id = f"peer:{self.household(sender)}"
        if over := self._allowances.take(key_id):
            raise RateLimited(
                f"Your address calls more than {counted(self._calls_per_second, 'time')} a second without being signed in.",
                hint="Send again later, or ask the operator to raise PUG_PEER_CALLS_PER_SECOND.",
                retry_after=over,
            )
        return Credential(key_id, None, frozenset({Scope.PUBLIC}))

    def household(self, sender: Sender) -> str:
        """Where a call comes from: an address, or the network of all that one customer has; empty when it is unknown."""
        return _household(self._address_of(sender))


@lru_cache(10_000)
def _household(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, _IPV6_PREFIX), strict=False)) if isinstance(parsed, IPv6Address) else address
