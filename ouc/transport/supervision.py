"""Notices a partner that no longer answers, also while data are on their way.

TCP's keep-alive asks on an idle connection only. With data on their way the system repeats them for about a quarter of an
hour before it tells anybody. TCP_USER_TIMEOUT would shorten that, but it also ends a connection whose partner has closed
its window and answers every window probe: a PLC whose program does not receive at the moment (EN_R = 0). So on Linux one task
looks, every few seconds, at what TCP itself knows (TCP_INFO in tcp(7); fields: linux/tcp.h), and a pure function judges it.

What the kernel means, as read there and seen on Linux 6.18:

* `unacked`: segments that were sent and not acknowledged. While the partner's window is closed nothing of this kind is on
  its way; the system asks with window probes, which like keep-alive probes are counted in `probes` until one is answered.
* `last_ack_recv` grows between two window probes, up to two minutes each, so its age alone condemns nobody.
* A data segment that acknowledges nothing new need not refresh `last_ack_recv`, and a repeated one may. So data are
  judged by what was acknowledged of them, and probes by anything that was heard.

macOS and Windows have no such view that Python can read; they get a time limit for repetitions. These rows have never run.
"""

from __future__ import annotations

import socket
import struct
import sys
import weakref
from collections import deque
from typing import Final, Protocol

import attrs
import trio

from ..errors import ConnectionLost
from ..visible import logger

__all__ = ["Sample", "Supervised", "Supervision", "Watch", "prepare", "read_sample", "supervise", "unsupervise"]

_log = logger("ouc.transport")

# Looks within the time after which silence counts as a loss: what is noticed late is late by one of these at most.
_LOOKS = 30
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0
# A partner that repeats itself after ever longer pauses (RFC 6298, 5.5) does not hear our acknowledgements. Keep-alive probes
# with a byte in them, which some systems send, look the same but come at equal pauses.
_REPEATS, _LONGER = 3, 1.4
# States of linux/tcp_states.h in which a partner owes answers: ESTABLISHED, FIN_WAIT1, CLOSE_WAIT.
_OPEN: Final = frozenset({1, 4, 8})
_REMEDY = "Check cables, switches, address, subnet and router of both sides"


@attrs.frozen
class Supervision:
    """How long a partner may be silent.

    Attributes:
        idle: Seconds of silence before the first probe; 0 switches supervision off.
        interval: Seconds between two probes that are not answered.
        probes: Probes without an answer after which the connection is lost.
    """

    idle: float = 30.0
    interval: float = 10.0
    probes: int = 3

    @property
    def patience(self) -> float:
        """Seconds that a question may stay without an answer."""
        return self.interval * self.probes

    @property
    def silence(self) -> float:
        """Seconds after which a partner that was asked and said nothing is lost."""
        return self.idle + self.patience

    @property
    def pause(self) -> float:
        """Seconds between two looks."""
        return min(max(self.silence / _LOOKS, _SHORTEST_PAUSE), _LONGEST_PAUSE)


@attrs.frozen(kw_only=True)
class Sample:
    """What TCP knows about a connection at one moment.

    Attributes:
        state: Of `linux/tcp_states.h`.
        unacked: Segments on their way.
        probes: Keep-alive or window probes in a row that nobody has answered.
        window: Bytes that the partner takes at the moment; None where the system does not tell (Linux before 5.4).
        rto: Seconds between the last and the next repetition.
        ack_age, data_age: Seconds since the last acknowledgement, the last new data.
        acked: Bytes that were ever acknowledged.
        received: Bytes that were ever received in order.
        data_segments: Segments with data that ever came in, repeated ones too.
        unsent: Bytes that have not left this computer.
    """

    state: int = 1
    unacked: int = 0
    probes: int = 0
    window: int | None = 65_535
    rto: float = 0.2
    ack_age: float = 0.0
    data_age: float = 0.0
    acked: int = 0
    received: int = 0
    data_segments: int = 0
    unsent: int = 0


@attrs.define
class Watch:
    """What was seen of one connection; `look` once per sample.

    Attributes:
        limits: What counts as silence.
        asked_since: When an open question was first seen, None while there is none.
        stuck_since: When the data on their way were first seen at the same place.
        repeats: When the partner was seen to repeat itself.
    """

    limits: Supervision
    asked_since: float | None = None
    stuck_since: float | None = None
    repeats: deque[float] = attrs.field(factory=lambda: deque(maxlen=_REPEATS))
    _last: Sample | None = None

    def look(self, now: float, sample: Sample) -> ConnectionLost | None:
        """Take note of a sample; the reason, if the partner is to be taken for lost.

        Args:
            now: Seconds of any clock that only goes forward.
            sample: Of this moment.
        """
        if sample.state not in _OPEN:
            return None
        self._note(now, sample)
        if self._stuck(now) >= self.limits.silence and sample.window:
            return _lost(f"it has acknowledged nothing of what was sent for {self._stuck(now):.0f} s")
        silent = _heard(sample)
        if silent >= self._longest(sample) and self._asked(now) >= self.limits.patience:
            return _lost(f"it has been silent for {silent:.0f} s")
        return None

    def _note(self, now: float, sample: Sample) -> None:
        last, self._last = self._last or sample, sample
        if not (sample.unacked or sample.probes):
            self.asked_since = None
        elif self.asked_since is None:
            self.asked_since = now
        if not sample.unacked:
            self.stuck_since = None
        elif self.stuck_since is None or sample.acked != last.acked:
            self.stuck_since = now
        if sample.received != last.received:
            self.repeats.clear()
        elif sample.data_segments != last.data_segments:
            self.repeats.append(now)

    def _longest(self, sample: Sample) -> float:
        """Seconds that the partner may be silent in this state."""
        if not sample.unacked:
            return self.limits.silence if sample.probes >= self.limits.probes else float("inf")
        if sample.window == 0:
            # Closed over data that were sent already: their repetitions are the probes, and nobody counts them.
            return max(self.limits.silence, self.limits.probes * sample.rto)
        return self.limits.silence

    def _asked(self, now: float) -> float:
        return 0.0 if self.asked_since is None else now - self.asked_since

    def _stuck(self, now: float) -> float:
        return 0.0 if self.stuck_since is None else now - self.stuck_since

    def deaf(self, now: float) -> ConnectionLost | None:
        """The reason behind a reset, if this side was not heard before: one direction of the path carries nothing.

        The partner has noticed first, then, and what it sent arrived.
        """
        if not self._repeats_itself(now) and self._stuck(now) < self.limits.patience:
            return None
        return ConnectionLost(
            "the partner did not hear this side any more, and has reset the connection", status=0x80C6, remedy=_REMEDY
        )

    def _repeats_itself(self, now: float) -> bool:
        if len(self.repeats) < _REPEATS or now - self.repeats[0] > 1.5 * self.limits.silence:
            return False
        first, second, third = self.repeats
        return third - second > _LONGER * (second - first)


def _heard(sample: Sample) -> float:
    """Seconds since the last answer: only an acknowledgement answers data, anything answers a probe."""
    return sample.ack_age if sample.unacked else min(sample.ack_age, sample.data_age)


def _lost(how: str) -> ConnectionLost:
    return ConnectionLost(f"the partner does not answer: {how}", status=0x80C6, remedy=_REMEDY)


# -- what the systems offer ----------------------------------------------------------------------------------------------

# struct tcp_info of linux/tcp.h: name -> format and place. It only ever grew at its end.
_FIELDS: Final = {
    "state": ("B", 0),
    "probes": ("B", 3),
    "rto": ("I", 8),  # microseconds
    "unacked": ("I", 24),
    "data_age": ("I", 52),  # milliseconds
    "ack_age": ("I", 56),  # milliseconds
    "acked": ("Q", 120),
    "received": ("Q", 128),
    "unsent": ("I", 144),
    "data_segments": ("I", 152),
    "window": ("I", 228),
}
_SCALE: Final = {"rto": 1e-6, "data_age": 1e-3, "ack_age": 1e-3}
_LENGTH: Final = 232

#: Limits for repetitions, by system: level, option, unit in seconds. Numbers, because Python names none of them.
#: Linux 6.15 and later: TCP_RTO_MAX_MS, the longest pause between two repetitions or window probes.
#: macOS: TCP_RXT_CONNDROPTIME; Windows: TCP_MAXRT; both end the connection. Never run there.
_OPTIONS: Final = {"linux": (44, 1000, 120), "darwin": (0x80, 1, 0), "win32": (5, 1, 0)}
# Linux and Windows call the first one KEEPIDLE, macOS KEEPALIVE.
_KEEP_ALIVE: Final = (
    (("TCP_KEEPIDLE", "TCP_KEEPALIVE"), "idle"),
    (("TCP_KEEPINTVL",), "interval"),
    (("TCP_KEEPCNT",), "probes"),
)


def prepare(sock: socket.socket, limits: Supervision) -> None:
    """Let the system ask a silent partner, within these limits."""
    if limits.idle <= 0:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for names, member in _KEEP_ALIVE:
        for name in names:
            option = getattr(socket, name, None)
            if option is not None:
                sock.setsockopt(socket.IPPROTO_TCP, option, max(1, round(getattr(limits, member))))
                break
    if sys.platform in _OPTIONS:
        option, unit, most = _OPTIONS[sys.platform]
        seconds = min(max(limits.patience, 1), most) if most else limits.silence
        try:
            sock.setsockopt(socket.IPPROTO_TCP, option, round(seconds * unit))
        except OSError:
            return  # an older system: the longer bound holds


def read_sample(sock: socket.socket) -> Sample | None:
    """What the system tells; None where it tells nothing.

    Raises:
        OSError: The socket is closed.
    """
    if sys.platform != "linux":
        return None
    image = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LENGTH)
    found = {
        name: struct.unpack_from("=" + kind, image, at)[0] * _SCALE.get(name, 1)
        for name, (kind, at) in _FIELDS.items()
        if len(image) >= at + struct.calcsize("=" + kind)
    }
    return Sample(**({"window": None} | found))


# -- the one task ----------------------------------------------------------------------------------------------------------


class Supervised(Protocol):
    """What the task needs of a stream."""

    watch: Watch | None

    def sample(self) -> Sample | None:
        """What TCP knows now; None if nothing."""

    def lose(self, reason: ConnectionLost) -> None:
        """The partner counts as lost."""


class _Supervisor:
    """Looks at all streams of one trio run; its task exists only while there are any."""

    def __init__(self) -> None:
        self._streams: weakref.WeakSet[Supervised] = weakref.WeakSet()
        self._scope: trio.CancelScope | None = None

    def add(self, stream: Supervised) -> None:
        self._streams.add(stream)
        if self._scope is None:
            self._scope = trio.CancelScope()
            trio.lowlevel.spawn_system_task(self._run, self._scope, name="ouc supervision")

    def remove(self, stream: Supervised) -> None:
        self._streams.discard(stream)
        if not self._streams and self._scope is not None:
            self._scope.cancel()
            self._scope = None

    async def _run(self, scope: trio.CancelScope) -> None:
        with scope:
            while self._streams:
                await trio.sleep(min(one.watch.limits.pause for one in self._streams if one.watch is not None))
                for stream in tuple(self._streams):
                    self._look(stream)
        if self._scope is scope:
            self._scope = None

    @staticmethod
    def _look(stream: Supervised) -> None:
        try:
            sample = stream.sample()
            reason = None if sample is None or stream.watch is None else stream.watch.look(trio.current_time(), sample)
            if reason is not None:
                stream.lose(reason)
        except Exception:
            # A mistake here must end neither trio nor the supervision of the others.
            _log.exception("a connection could not be looked at")


_SUPERVISOR: Final = trio.lowlevel.RunVar[_Supervisor]("ouc supervisor")


def supervise(stream: Supervised) -> None:
    """Look at a stream from now on, until `unsupervise` or its end."""
    try:
        supervisor = _SUPERVISOR.get()
    except LookupError:
        supervisor = _Supervisor()
        _SUPERVISOR.set(supervisor)
    supervisor.add(stream)


def unsupervise(stream: Supervised) -> None:
    """Look at it no longer; does nothing for one that nobody looks at."""
    try:
        _SUPERVISOR.get().remove(stream)
    except (LookupError, RuntimeError):
        return  # trio is over
