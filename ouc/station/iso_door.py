"""Port 102, which all passive ISO-on-TCP ends of a station share: the called selector says which of them is meant."""

from __future__ import annotations

import trio

from ..errors import ConnectionLost, OUCError, RemoteProtocolError
from ..transport import Listener, Reception, TCPStream, Wire, explain, read_call
from ..visible import logger
from ..wire import refuse_call
from .life import Host
from .streams import StreamLife

__all__ = ["IsoDoor"]

_log = logger("ouc.station")


class IsoDoor:
    """Open while at least one passive end waits behind it.

    Args:
        host: The station.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lives: list[StreamLife] = []
        self._open: tuple[Listener, trio.CancelScope] | None = None
        self._meant: dict[TCPStream, StreamLife] = {}

    def enter(self, life: StreamLife) -> None:
        """Wait for partners of this end too.

        Raises:
            OUCError: The port cannot be opened.
        """
        if self._open is None:
            listener = self._host.opener.listen(life.link.endpoint)
            scope = trio.CancelScope()
            self._open = listener, scope

            async def run() -> None:
                with scope:
                    # The last end may have left before this task ran: the listener is closed then.
                    await trio.lowlevel.checkpoint_if_cancelled()
                    await self._accept(listener)

            self._host.start_soon(run)
        self._lives.append(life)

    def leave(self, life: StreamLife) -> None:
        """Wait for them no longer; the last one closes the door."""
        if life in self._lives:
            self._lives.remove(life)
        if not self._lives and self._open is not None:
            listener, scope = self._open
            self._open = None
            scope.cancel()
            # At once: the next end may enter before the door's task has run again.
            listener.close()
            self._meant.clear()

    async def _accept(self, listener: Listener) -> None:
        with listener:
            door: Reception[tuple[StreamLife, Wire]] = Reception(
                listener, judge=self._judge, admit=self._admit, refuse=self._refuse
            )
            await door.run()

    async def _judge(self, tcp: TCPStream) -> tuple[StreamLife, Wire]:
        where = self._host.opener.partner_of(tcp)
        try:
            with trio.fail_after(self._host.profile.handshake_timeout):
                call, received = await read_call(tcp)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            tcp.abort()
            raise explain(error, where=where) from error
        except trio.TooSlowError:
            tcp.abort()
            raise ConnectionLost(
                "the partner called no selector in time", status=0x80C7, where=where,
                remedy="Does the partner speak ISO-on-TCP (TCON_IP_RFC)? Compare the protocols and ports of both descriptions",
            ) from None  # fmt: skip
        except OUCError:
            tcp.abort()
            raise
        life = next((one for one in self._lives if one.link.endpoint.local_selector == call.called), None)
        if life is None:
            await self._turn_away(tcp, received)
            raise RemoteProtocolError(
                f"nobody here has the selector {call.called.hex(' ') or 'none'} that {where} calls",
                status=0x80C9,
                where=where,
                remedy="Compare the partner's remote_tselector with local_tselector of this end",
            )
        self._meant[tcp] = life
        if life.link.established:
            # The end has its partner already.
            tcp.abort()
            raise ConnectionLost("this end is occupied", status=0x80C5, where=where)
        return life, await self._host.opener.open_passive(life.link.endpoint, tcp, received=received)

    async def _turn_away(self, tcp: TCPStream, received: bytes) -> None:
        try:
            with trio.move_on_after(1):
                await tcp.send_all(refuse_call(received))
                await tcp.aclose()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # nobody is left to be told
        finally:
            tcp.abort()

    def _refuse(self, tcp: TCPStream, error: OUCError) -> None:
        life = self._meant.pop(tcp, None)
        if life in self._lives:
            life.refuse(tcp, error)
        else:
            _log.warning("ISO-on-TCP: %s", error)

    async def _admit(self, passed: tuple[StreamLife, Wire]) -> None:
        life, wire = passed
        self._meant.pop(wire.tcp, None)
        if life not in self._lives:
            wire.tcp.abort()
            return

        async def attend() -> None:
            await life.admit(wire)

        # In a task of its own life: this door may close while the connection stands.
        life.start(attend)
