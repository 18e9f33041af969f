"""Carries a fault out on sockets: a listening PLC, or one that dials."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from ipaddress import IPv4Address
from typing import Final

import trio

from ouc.errors import OUCError
from ouc.tls import DEFAULT, TLSContext, TLSEngine
from ouc.transport import TCPStream, TLSStream, listen
from ouc.transport import dial as connect

from .plan import Plan
from .table import Conduct

__all__ = ["dial", "serve"]

_LOOPBACK: Final = IPv4Address("127.0.0.1")
_ELSEWHERE: Final = IPv4Address("192.0.2.99")

# The payload of a TSEND_C with a Bool and a String, as plain TCP carries it (requirements.md R131).
_PLAIN: Final = bytes.fromhex("0100FE0C48656C6C6F20576F726C6421").ljust(258, b"\0")
# RFC 1006 around ISO 8073: connection request with TSAPs, and disconnect request.
_ISO_CONNECT: Final = bytes.fromhex("0300001611E00000000100C0010AC1020100C2020102")
_ISO_DISCONNECT: Final = bytes.fromhex("0300000B06800000000100")
# A fatal alert protocol_version (70) in a record of TLS 1.1.
_OLD_ALERT: Final = bytes.fromhex("15030200020246")
# The ClientHello of a stack that ends at TLS 1.1: two CBC suites, no extensions (RFC 4346 7.4.1.2).
_OLD_BODY: Final = bytes.fromhex("0302") + bytes(range(32)) + bytes.fromhex("000004002F00350100")
_OLD_HELLO: Final = (
    bytes.fromhex("160301")
    + (len(_OLD_BODY) + 4).to_bytes(2)
    + b"\x01"
    + len(_OLD_BODY).to_bytes(3)
    + _OLD_BODY
)  # fmt: skip


async def serve(plan: Plan, *, port: int = 0, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
    """Be a faulty passive PLC on 127.0.0.1 until cancelled; `nursery.start` gives the port."""
    with listen(_LOOPBACK, port) as listener:
        task_status.started(listener.port)
        async with trio.open_nursery() as nursery:
            while True:
                nursery.start_soon(_carry_out, plan, await listener.accept())


async def dial(plan: Plan, port: int) -> None:
    """Be a faulty active PLC, once: connect to 127.0.0.1, and end when the partner or the fault ends it."""
    await _carry_out(plan, await connect(_LOOPBACK, port))


async def _carry_out(plan: Plan, tcp: TCPStream) -> None:
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        await _CONDUCTS[plan.fault.conduct](plan, tcp)
    await tcp.aclose()


def _engine(plan: Plan, expect: IPv4Address | None = None) -> TLSEngine:
    context = TLSContext.build(DEFAULT, plan.credentials, server_side=plan.fault.role == "server")
    return TLSEngine(context, expect=expect, clock=lambda: plan.now)


async def _tls(plan: Plan, tcp: TCPStream, *, expect: IPv4Address | None = None) -> None:
    stream = TLSStream(tcp, _engine(plan, expect))
    await stream.do_handshake()
    await _listen_on(stream)
    await stream.aclose()


async def _listen_on(stream: trio.abc.ReceiveStream) -> None:
    while await stream.receive_some():
        pass


async def _reset(plan: Plan, tcp: TCPStream) -> None:
    if plan.fault.role == "client":
        engine = _engine(plan)
        with contextlib.suppress(OUCError):
            engine.handshake()
        await tcp.send_all(engine.take())
    await tcp.receive_some()
    tcp.abort()


async def _old(plan: Plan, tcp: TCPStream) -> None:
    if plan.fault.role == "client":
        await tcp.send_all(_OLD_HELLO)
    else:
        await tcp.receive_some()
        await tcp.send_all(_OLD_ALERT)


async def _plain(_plan: Plan, tcp: TCPStream) -> None:
    await tcp.send_all(_PLAIN)
    await _listen_on(tcp)


async def _mute(_plan: Plan, tcp: TCPStream) -> None:
    await _listen_on(tcp)


async def _iso(plan: Plan, tcp: TCPStream) -> None:
    if plan.fault.role == "client":
        await tcp.send_all(_ISO_CONNECT)
    await tcp.receive_some()
    if plan.fault.role == "server":
        await tcp.send_all(_ISO_DISCONNECT)


_CONDUCTS: Final[dict[Conduct, Callable[[Plan, TCPStream], Awaitable[None]]]] = {
    Conduct.TLS: _tls,
    Conduct.DEMAND: _tls,
    Conduct.OTHER_ADDRESS: partial(_tls, expect=_ELSEWHERE),
    Conduct.RESET: _reset,
    Conduct.OLD: _old,
    Conduct.PLAIN: _plain,
    Conduct.MUTE: _mute,
    Conduct.ISO: _iso,
}
