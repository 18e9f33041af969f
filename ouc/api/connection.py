"""A connection for the body of one `async with`. No task and no lock stands between the program and the stream."""

from __future__ import annotations

import contextlib

import trio

from ..connection import Link
from ..errors import ConnectionLost
from ..tls import TLSFacts
from ..transport import Wire, explain
from .conversation import Conversation

__all__ = ["Connection"]

_RESOURCE_ERRORS = (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError)


class Connection(Conversation):
    """An established connection. Made by `Station.connect`, `Station.serve` and `ouc.connect`; closed by leaving them."""

    def __init__(self, link: Link, wire: Wire) -> None:
        super().__init__(link)
        self._wire = wire
        self._closed = self._broken = False

    @property
    def partner(self) -> str:
        """Plant address and port of the other end."""
        return self._wire.partner

    @property
    def tls(self) -> TLSFacts | None:
        """What TLS agreed on, None on a plain connection."""
        return self._wire.facts

    @property
    def established(self) -> bool:
        """Whether data can flow, as far as is known: what nobody reads cannot tell of its end."""
        return not (self._closed or self._broken or self.ended or self._wire.tcp.lost)

    async def _hand_over(self, data: memoryview) -> None:
        try:
            await self._wire.stream.send_all(data)
        except _RESOURCE_ERRORS as error:
            self._broken = self._broken or isinstance(error, trio.BrokenResourceError)
            raise explain(error, where=self.partner) from error
        self._link.sent += data.nbytes

    async def _arrived(self, limit: int) -> bytes:
        try:
            data = bytes(await self._wire.stream.receive_some(limit))
        except _RESOURCE_ERRORS as error:
            self._broken = self._broken or isinstance(error, trio.BrokenResourceError)
            raise explain(error, where=self.partner) from error
        self._link.received += len(data)
        return data

    @property
    def unconfirmed(self) -> int:
        """Bytes that the partner's TCP had not confirmed when this side closed; 0 before that, and where nobody can tell.

        Counted as they travel: with TLS a little more than what was sent.
        """
        return self._wire.tcp.unconfirmed

    async def aclose(self) -> None:
        """Close so that nothing sent is lost: close_notify, FIN, then wait until the partner has confirmed everything.

        A partner that takes bytes, however slowly, has 60 s for that; one that takes none has 10 s. Then its own end is
        awaited for a second. Cancelled, it closes at once.

        Raises:
            ConnectionLost: The partner did not confirm everything (16#80C4); `unconfirmed` says how much is missing.
        """
        if self._closed:
            return
        self._closed = True
        # The station may have been left first, and has closed the socket then.
        with contextlib.suppress(trio.ClosedResourceError):
            await self._wire.stream.aclose()
        # Whoever was told that the partner has gone knows that much.
        if self.unconfirmed and not (self._broken or self.ended):
            raise ConnectionLost(
                f"the connection was closed before the last {self.unconfirmed} bytes were confirmed: they may be lost",
                status=0x80C4,
                where=self.partner,
                remedy="Let the partner receive what it is sent, and let it answer before you close",
            )
