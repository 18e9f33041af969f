"""Names of partners: the platform's resolver, or DNS servers of the station's own (80D0 to 80D3, ouc-blocks.md 3.2)."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address
from typing import Final

import attrs
import trio

from .. import causes
from ..causes import Evidence, Opening
from ..errors import ConnectionLost, ParameterError
from ..params import flaw_of_name
from ..visible import visible

__all__ = ["NameServer", "resolve"]

#: A DNS server: its address, and its port where that is not 53.
NameServer = IPv4Address | tuple[IPv4Address, int]

#: Seconds that an answer may take where nobody says otherwise; ours.
LIMIT = 10.0
# Names that the platform is asked for at once; each may block a thread for as long as the platform waits.
_THREADS = 32


async def resolve(
    name: str, *, servers: tuple[NameServer, ...] | None = None, limit: float = LIMIT
) -> IPv4Address:
    """The IPv4 address of a name; the first one where there are several.

    Args:
        name: With or without its final dot.
        servers: DNS servers to ask in turn; None asks the platform's resolver, and an empty tuple is a device without any.
        limit: Seconds that the answer may take.

    Raises:
        ParameterError: The device has no DNS server (16#80D2), the name is empty (16#80D0) or impossible (16#80D3).
        OSError: For `explain`; no descriptor is left.
        ConnectionLost: Nobody answered in time, the answer was an error, or it held no IPv4 address (16#80D3).
    """
    plain = name.removesuffix(".")
    if not plain:
        raise ParameterError("the partner's name is empty", status=0x80D0, where="remote_qdn", remedy="Enter its name")
    if flaw := flaw_of_name(plain):
        raise ParameterError(
            f"no name server can know '{visible(plain[:253])}': {flaw}",
            status=0x80D3,
            where="remote_qdn",
            remedy="Enter the partner's name as the DNS server knows it, or its IPv4 address",
        )
    if servers == ():
        raise ParameterError(
            f"no DNS server is configured to resolve '{visible(plain)}'",
            status=0x80D2,
            remedy="Enter a DNS server in the device configuration, or use the partner's IP address",
        )
    with trio.move_on_after(limit):
        return await (_ask_platform(plain) if servers is None else _ask_servers(plain, servers))
    raise _unresolved(plain, f": there was no answer within {limit:g} s")


class _Question:
    """One name that the platform is asked for, by whoever wants to know."""

    def __init__(self) -> None:
        self.answered = trio.Event()
        self.address: IPv4Address | None = None
        self.error: Exception | None = None


class _Platform:
    """The platform's resolver. It cannot be interrupted, and with a dead DNS server it takes half a minute.

    So it has threads of its own, which nobody else waits for, and a name is asked for once at a time.
    """

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(_THREADS)
        self._open: dict[str, _Question] = {}

    async def ask(self, name: str) -> IPv4Address:
        question = self._open.get(name)
        if question is None:
            question = self._open[name] = _Question()
            trio.lowlevel.spawn_system_task(self._put, name, question, name="ouc name query")
        await question.answered.wait()
        if question.address is None:
            _look_for_descriptors()
            raise _unresolved(name) from question.error
        return question.address

    async def _put(self, name: str, question: _Question) -> None:
        try:
            found = await trio.to_thread.run_sync(_look_up, name, limiter=self._limiter, abandon_on_cancel=True)
            question.address = IPv4Address(found)
        except Exception as error:  # kept for whoever asked; a system task must raise nothing
            question.error = error
        finally:
            del self._open[name]
            question.answered.set()


_PLATFORM: Final = trio.lowlevel.RunVar[_Platform]("ouc resolver")


def _look_for_descriptors() -> None:
    """Resolvers do not say that they had no descriptor left; a socket does (EMFILE)."""
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()


def _look_up(name: str) -> str:
    return str(socket.getaddrinfo(name, 0, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])


async def _ask_platform(name: str) -> IPv4Address:
    try:
        platform = _PLATFORM.get()
    except LookupError:
        platform = _Platform()
        _PLATFORM.set(platform)
    return await platform.ask(name)


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


def _unresolved(name: str, why: str = "") -> ConnectionLost:
    failure = causes.failure(Evidence(opening=Opening.UNRESOLVED, where=f"'{visible(name)}'"))
    if why:
        # No row of the table says that; named again, it would be lost.
        failure = attrs.evolve(failure, what=failure.what + why, cause="")
    return ConnectionLost.of(attrs.evolve(failure, where=""))
