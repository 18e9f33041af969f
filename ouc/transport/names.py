"""Names of partners: the platform's resolver, or DNS servers of the station's own (80D0 to 80D3, ouc-blocks.md 3.2)."""

from __future__ import annotations

from ipaddress import IPv4Address

import attrs
import trio

from .. import causes
from ..causes import Evidence, Opening
from ..errors import ConnectionLost, ParameterError
from ..visible import visible

__all__ = ["NameServer", "resolve"]

#: A DNS server: its address, and its port where that is not 53.
NameServer = IPv4Address | tuple[IPv4Address, int]


async def resolve(name: str, *, servers: tuple[NameServer, ...] | None = None) -> IPv4Address:
    """The IPv4 address of a name; the first one where there are several. Time limits belong to the caller.

    Args:
        name: With or without its final dot.
        servers: DNS servers to ask in turn; None asks the platform's resolver, and an empty tuple is a device without any.

    Raises:
        ParameterError: The device has no DNS server (16#80D2), or the name is empty (16#80D0).
        ConnectionLost: Nobody answered, the answer was an error, or it held no IPv4 address (16#80D3).
    """
    plain = name.removesuffix(".")
    if not plain:
        raise ParameterError("the partner's name is empty", status=0x80D0, where="remote_qdn", remedy="Enter its name")
    if servers is None:
        return await _ask_platform(plain)
    if not servers:
        raise ParameterError(
            f"no DNS server is configured to resolve {plain!r}",
            status=0x80D2,
            remedy="Enter a DNS server in the device configuration, or use the partner's IP address",
        )
    return await _ask_servers(plain, servers)


async def _ask_platform(name: str) -> IPv4Address:
    try:
        found = await trio.socket.getaddrinfo(name, 0, trio.socket.AF_INET, trio.socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        raise _unresolved(name) from error
    return IPv4Address(found[0][4][0])


async def _ask_servers(name: str, servers: tuple[NameServer, ...]) -> IPv4Address:
    # Imported here: most stations never ask a server of their own.
    import dns.asyncresolver
    import dns.exception
    import dns.nameserver

    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [
        dns.nameserver.Do53Nameserver(*((str(one[0]), one[1]) if isinstance(one, tuple) else (str(one), 53)))
        for one in servers
    ]
    try:
        answer = await resolver.resolve(name + ".", "A", search=False)
    except (dns.exception.DNSException, OSError) as error:
        raise _unresolved(name) from error
    return IPv4Address(answer[0].address)


def _unresolved(name: str) -> ConnectionLost:
    failure = causes.failure(Evidence(opening=Opening.UNRESOLVED, where=f"'{visible(name)}'"))
    return ConnectionLost.of(attrs.evolve(failure, where=""))
