"""Whose address a request came from: the connection's, unless a proxy that is trusted says otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from services.rpc.call import Sender

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Of one address, written by a proxy that knows it; the first that can be read counts.
_SINGLE = ("cf-connecting-ip", "true-client-ip")
_CHAIN = "x-forwarded-for"
_MAX_SINGLE = 64
# Far more proxies than anybody has in a row; what is left of them may be anything.
_MAX_CHAIN = 1_000
_REMEMBERED = 8_192


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from."""

    # Never shown, so that no log line or traceback can hold it.
    address: Address | None = field(repr=False)
    # Whether the peer may be believed what it says in headers about the client.
    through_trusted_proxy: bool


class Origins:
    """Finds the origin of a request; `trusted` are the networks of the proxies before Pug."""

    def __init__(self, trusted: Sequence[Network]) -> None:
        """An empty `trusted` believes no header."""
        self._trusted = tuple(trusted)
        self._find = lru_cache(_REMEMBERED)(self._origin)

    def find(self, sender: Sender) -> Origin:
        """The origin of a request from its connection and its headers."""
        if not self._trusted:
            return self._find(sender.peer, "", "", "")
        headers: Mapping[str, str] = sender.headers
        singles = (headers.get(name, "")[:_MAX_SINGLE] for name in _SINGLE)
        return self._find(sender.peer, *singles, headers.get(_CHAIN, "")[-_MAX_CHAIN:])

    def _origin(self, peer: str, connecting: str, true_client: str, chain: str) -> Origin:
        address = parse_address(peer)
        if address is None or not self._is_trusted(address):
            return Origin(address, through_trusted_proxy=False)
        said = parse_address(connecting) or parse_address(true_client) or self._last_untrusted(chain)
        return Origin(said or address, through_trusted_proxy=True)

    def _last_untrusted(self, chain: str) -> Address | None:
        """From the right, because each proxy appends what it saw: the leftmost entry is whatever the client wrote."""
        entries = map(parse_address, reversed(chain.split(",")))
        return next((entry for entry in entries if entry is not None and not self._is_trusted(entry)), None)

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def parse_address(text: str) -> Address | None:
    """The address in a header's entry, with or without a port and a zone; None when it is none."""
    try:
        address = ip_address(_bare(text.strip()))
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _bare(text: str) -> str:
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return text.partition("%")[0]
