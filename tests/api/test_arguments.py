"""Every option of every face is looked at before anything starts: a wrong one touches no socket."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

import ouc
from ouc import aio, arguments, sync
from ouc.api import Dialling, Holding, LifeSign, Serving
from ouc.api.options import KINDS
from ouc.arguments import Kind, check

# Option -> values that it does not take, though Python might make something of them.
WRONG: dict[str, list[Any]] = {
    "ca": [[], [None], [b""], "", 3, {"ca.pem"}, [["ca.pem"]]],
    "cert": [["a.pem"], 3, "", b""],
    "key": [["a.pem"], True],
    "password": [3, ["secret"]],
    "project": [3, b"project.ouc", ""],
    "device": [3, "", b"PLC-1"],
    "trust": [-1, "3", True, 1.0, 2**32],
    "own": [-1, "3", False, 2**32],
    "plain": ["False", "True", 0, 1, None],
    "check_address": ["no", 0, None],
    "local_port": [-1, 65536, "0", True, 2000.0],
    "when_down": ["again", None, 1, ["wait"]],
    "patience": [-1, "1", math.nan, True],
    "life_sign": [3, 1.0, "every", LifeSign],
    "retry_first": [0, -1, "1", math.inf, math.nan, True, None],
    "retry_max": [0, "1", True, None],
    "host": ["localhost", "1.2.3", 3, ""],
    "partner": ["localhost", None, 3, ""],
    "require_client_certificate": ["no", 1],
    "at_once": [0, -1, "10", True, 1.5],
}
CALLS: list[tuple[str, type, Callable[..., Any]]] = [
    ("connect", Dialling, lambda **options: ("connect", ("127.0.0.1", 2000), options)),
    ("hold", Holding, lambda **options: ("hold", ("127.0.0.1", 2000), options)),
    ("serve", Serving, lambda **options: ("serve", (2000, None), options)),
]
CASES = [(call, name, wrong) for call, kind, _ in CALLS for name in get_type_hints(kind) for wrong in WRONG[name]]


def _words(value: Any) -> str:
    """The same in every process, which an address in memory is not."""
    return (
        f"{type(value).__name__}-{value!r}"[:30] if isinstance(value, (str, int, float, bytes)) else type(value).__name__
    )


async def _async_handler(_: Any) -> None:
    """Serves nobody."""


def _plain_handler(_: Any) -> None:
    """Serves nobody."""


@pytest.fixture(autouse=True)
def no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a connection or a port for a wrong argument is caught."""

    def opened(*_: Any) -> None:
        pytest.fail("a socket was used")

    for name in ("connect", "bind", "listen"):
        monkeypatch.setattr(socket.socket, name, opened)


def test_every_option_has_a_kind_and_wrong_values_here() -> None:
    options = {name for kind in (Dialling, Holding, Serving) for name in get_type_hints(kind)}
    assert options == set(KINDS) == set(WRONG)


def enter_trio(call: str, **options: Any) -> None:
    async def main() -> None:
        if call == "serve":
            await ouc.serve(2000, _async_handler, **options)
        else:
            async with getattr(ouc, call)("127.0.0.1", 2000, **options):
                pytest.fail("entered")

    trio.run(main)


def enter_sync(call: str, **options: Any) -> None:
    arguments = (2000, _plain_handler) if call == "serve" else ("127.0.0.1", 2000)
    with getattr(sync, call)(*arguments, **options):
        pytest.fail("entered")


def enter_aio(call: str, **options: Any) -> None:
    async def main() -> None:
        if call == "serve":
            await aio.serve(2000, _async_handler, **options)
        else:
            async with getattr(aio, call)("127.0.0.1", 2000, **options):
                pytest.fail("entered")

    asyncio.run(main())


@pytest.mark.parametrize("enter", [enter_trio, enter_sync, enter_aio], ids=["trio", "sync", "aio"])
@pytest.mark.parametrize(("call", "name", "wrong"), CASES, ids=_words)
def test_a_wrong_option_is_refused_by_name_before_anything_starts(
    call: str, name: str, wrong: Any, enter: Callable[..., None]
) -> None:
    with pytest.raises(ouc.ParameterError) as caught:
        enter(call, **{name: wrong})
    assert caught.value.failure.where == name
    assert caught.value.failure.remedy


@pytest.mark.parametrize("port", [0, -1, 65536, "2000", None, True, 2000.0])
@pytest.mark.parametrize("enter", [enter_trio, enter_sync, enter_aio], ids=["trio", "sync", "aio"])
@pytest.mark.parametrize("call", ["connect", "hold"])
def test_a_wrong_port_is_refused_by_name(port: Any, enter: Callable[..., None], call: str) -> None:
    faces = {enter_trio: ouc, enter_sync: sync, enter_aio: aio}

    async def main() -> None:
        async with getattr(faces[enter], call)("127.0.0.1", port, plain=True):
            pytest.fail("entered")

    with pytest.raises(ouc.ParameterError) as caught:
        if enter is enter_sync:
            getattr(sync, call)("127.0.0.1", port, plain=True)
        elif enter is enter_aio:
            asyncio.run(main())
        else:
            trio.run(main)
    assert caught.value.failure.where == "port"


@pytest.mark.parametrize("host", ["", None, 3, b"plc", ["127.0.0.1"]])
def test_a_wrong_host_is_refused_by_name(host: Any) -> None:
    with pytest.raises(ouc.ParameterError) as caught:
        sync.connect(host, 2000, plain=True)
    assert caught.value.failure.where == "host"


STATION: list[tuple[str, Any]] = [
    ("device", "PLC-1"),
    ("profile", "nonsense 1"),
    ("profile", 3),
    ("address", "localhost"),
    ("address", 3),
    ("addresses", "127.0.0.1"),
    ("clock", datetime.now),
    ("clock", datetime.now(UTC)),
    ("clock", lambda: None),
    ("policy", "strict"),
    ("on_event", "print"),
    ("tap", 3),
    ("key_log", "keys.log"),
    ("chance", 4),
    ("dns", "192.168.0.1"),
    ("dns", ["nonsense"]),
    ("dns", [("192.168.0.1", "53")]),
    ("iso_port", 0),
    ("iso_port", "102"),
]


@pytest.mark.parametrize(("name", "wrong"), STATION, ids=_words)
@pytest.mark.parametrize("station", [ouc.Station, sync.Station, aio.Station], ids=["trio", "sync", "aio"])
def test_a_wrong_argument_of_a_station_is_refused(name: str, wrong: Any, station: Any) -> None:
    with pytest.raises(ouc.ParameterError) as caught:
        station(**{name: wrong})
    assert caught.value.failure.remedy


@pytest.mark.parametrize("description", [None, "TCON_IP_v4", 1, 2.5, {"ID": 1}])
@pytest.mark.parametrize("call", ["connect", "hold", "serve", "datagrams"])
def test_what_is_no_description_is_refused(description: Any, call: str) -> None:
    with sync.Station() as station, pytest.raises(ouc.ParameterError):
        getattr(station, call)(description, *([_plain_handler] if call == "serve" else []))


def test_a_clock_that_becomes_naive_is_told_where_it_is_asked() -> None:
    answers = [datetime.now(UTC), datetime.now()]
    clock = arguments.aware(lambda: answers.pop(0) if answers else pytest.fail("asked too often"))
    with pytest.raises(ouc.ParameterError, match="aware"):
        clock()


@pytest.mark.parametrize("every", [-1, math.nan, math.inf, "1", True, None])
def test_a_life_sign_takes_seconds(every: Any) -> None:
    for sign in ({"every": every, "message": b"x"}, {"patience": every}):
        with pytest.raises(ouc.ParameterError):
            LifeSign(**sign)


def test_a_life_sign_takes_bytes() -> None:
    with pytest.raises(ouc.ParameterError, match="message takes bytes"):
        LifeSign(every=1, message="x")  # type: ignore[arg-type]


@pytest.mark.parametrize("handler", [None, 3, "print", _async_handler], ids=_words)
def test_a_blocking_server_takes_a_plain_function(handler: Any) -> None:
    with pytest.raises(ouc.ParameterError) as caught:
        sync.serve(2000, handler, plain=True)
    assert caught.value.failure.where == "handler"


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.lists(st.text()), st.just(object())
)


@given(value=ANYTHING, kind=st.sampled_from([value for value in vars(arguments).values() if isinstance(value, Kind)]))
def test_a_value_fits_its_kind_or_is_refused_without_being_shown(value: Any, kind: Kind) -> None:
    try:
        check("option", value, kind)
    except ouc.ParameterError as error:
        assert error.failure.where == "option"
        # It may be a secret. One or two characters may stand in the sentence by chance.
        if isinstance(value, str) and len(value) > 2:
            assert value not in str(error).replace(kind.words, "")


@given(st.integers(min_value=0, max_value=2**32 - 1).map(IPv4Address))
def test_addresses_are_taken_as_objects_and_as_texts(address: IPv4Address) -> None:
    check("host", address, arguments.ADDRESS)
    check("host", str(address), arguments.ADDRESS)


@given(st.floats(min_value=0, allow_nan=False) | st.integers(min_value=0))
def test_every_time_limit_can_be_waited_for(seconds: float) -> None:
    limit = arguments.time_limit(seconds)
    assert limit is None or 0 <= limit <= 1e9


def test_paths_and_bytes_are_material() -> None:
    for good in ("ca.pem", Path("ca.pem"), b"-----BEGIN", ["a.pem", Path("b.pem"), b"c"]):
        check("ca", good, arguments.MATERIALS)
