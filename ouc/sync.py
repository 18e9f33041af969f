"""The blocking face: the same connections, without async.

    from ouc import sync

    with sync.connect("192.168.0.1", 2000, ca="ca.pem", cert="pc.pem", timeout=5) as connection:
        connection.send(b"hello")
        print(connection.receive(258, timeout=5))

Everything runs in one background trio thread; calls may come from any thread. Only here do calls take `timeout=`: seconds, None
to wait for ever. A receive that times out loses nothing; a send that times out halfway leaves a connection on which later
sends fail, because the partner has a part of the message.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import TracebackType
from typing import Any, TypeVar

from . import api
from .api.quick import Material
from .api.quick import connect as connect_async
from .bridge import Job, Kept, background
from .certs import Device
from .errors import ConnectionLost
from .tls import TLSFacts

__all__ = ["Connection", "Station", "connect"]

_T = TypeVar("_T")


def _wait(job: Job[_T], timeout: float | None, what: str) -> _T:
    try:
        return job.future.result(timeout)
    except FutureTimeoutError:
        # Raised by the job itself, or by our waiting: only the second leaves it running.
        if job.future.done():
            raise
        job.cancel()
        _settled(job.future)
        if not job.future.cancelled():
            return job.future.result()
    raise TimeoutError(f"{what} took longer than {timeout:g} s")


def _settled(future: Future[Any]) -> None:
    try:
        future.exception()
    except BaseException:
        return


class Connection:
    """An established connection. Leaving its `with` closes it so that nothing sent is lost."""

    def __init__(self, kept: Kept[api.Connection], connection: api.Connection) -> None:
        self._kept = kept
        self._connection = connection

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._connection)

    @property
    def connection_id(self) -> int:
        """The connection ID of the description, 1 to 4095."""
        return self._connection.connection_id

    @property
    def partner(self) -> str:
        """Plant address and port of the other end."""
        return self._connection.partner

    @property
    def tls(self) -> TLSFacts | None:
        """What TLS agreed on, None on a plain connection."""
        return self._connection.tls

    def _call(self, work: Callable[[], Any], timeout: float | None, what: str) -> Any:
        return _wait(background().start(work), timeout, what)

    def send(self, data: Any, *, timeout: float | None = None) -> None:
        """As `ouc.Connection.send`.

        Raises:
            TimeoutError: It took longer than `timeout` seconds.
        """
        self._call(lambda: self._connection.send(data), timeout, "sending")

    def receive(self, size: int, *, timeout: float | None = None) -> bytes:
        """As `ouc.Connection.receive`: exactly `size` bytes.

        Raises:
            TimeoutError: It took longer; what has arrived so far is the beginning of the next receive.
        """
        return bytes(self._call(lambda: self._connection.receive(size), timeout, "receiving"))

    def receive_some(self, limit: int = 65_536, *, timeout: float | None = None) -> bytes:
        """As `ouc.Connection.receive_some`: what has arrived.

        Raises:
            TimeoutError: Nothing arrived in time.
        """
        return bytes(self._call(lambda: self._connection.receive_some(limit), timeout, "receiving"))

    def receive_into(self, data: Any, *, timeout: float | None = None) -> int:
        """As `ouc.Connection.receive_into`: fill a data block.

        Raises:
            TimeoutError: It took longer; `data` is unchanged.
        """
        return int(self._call(lambda: self._connection.receive_into(data), timeout, "receiving"))

    def __iter__(self) -> Iterator[bytes]:
        """What arrives, piece by piece, until the partner closes."""
        while True:
            try:
                yield self.receive_some()
            except ConnectionLost:
                if self._connection.ended:
                    return
                raise

    def close(self) -> None:
        """Close; a second call does nothing."""
        self._kept.close().result()


def _open(kept: Kept[api.Connection], timeout: float | None) -> Connection:
    try:
        return Connection(kept, kept.entered.result(timeout))
    except FutureTimeoutError:
        if kept.entered.done():
            raise
        kept.cancel()
        _settled(kept.close())
        raise TimeoutError(f"connecting took longer than {timeout:g} s") from None


def connect(
    host: str,
    port: int,
    *,
    timeout: float | None = None,
    ca: Material | list[Material] | None = None,
    cert: Material | None = None,
    key: Material | None = None,
    password: str | bytes | None = None,
    project: str | os.PathLike[str] | None = None,
    device: str | None = None,
    trust: int = 0,
    own: int = 0,
    check_address: bool = True,
    plain: bool = False,
) -> Connection:
    """As `ouc.connect`, blocking; to be used in a `with`.

    Args:
        timeout: Seconds for the whole of connecting, None for the profile's own limits.

    The other arguments are those of `ouc.connect`.

    Raises:
        TimeoutError: It took longer than `timeout` seconds.
        OUCError: As `ouc.connect`.
    """
    manager = connect_async(
        host, port, ca=ca, cert=cert, key=key, password=password, project=project, device=device, trust=trust, own=own,
        check_address=check_address, plain=plain,
    )  # fmt: skip
    return _open(Kept(background(), manager), timeout)


class Station:
    """A device's end of its connections, blocking; to be used in a `with`.

    Args:
        device: As `ouc.Station` takes it; other arguments likewise.
    """

    def __init__(self, device: Device | None = None, **options: Any) -> None:
        self._station = api.Station(device, **options)
        self._kept: Kept[api.Station] | None = None

    def __enter__(self) -> Station:
        self._kept = Kept(background(), self._station)
        self._kept.entered.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._kept is not None:
            self._kept.close().result()

    def connect(self, description: Any, *, timeout: float | None = None) -> Connection:
        """Establish one connection, active or passive as the description says; to be used in a `with`.

        Args:
            description: A TCON_* structure.
            timeout: Seconds, None for the profile's own limits; a passive end then waits for ever.

        Raises:
            TimeoutError: It took longer.
            OUCError: As `ouc.Station.connect`.
        """
        return _open(Kept(background(), self._station.connect(description)), timeout)
