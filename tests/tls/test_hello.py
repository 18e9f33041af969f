"""The ClientHello reader, against what OpenSSL writes and against strangers."""

from __future__ import annotations

import contextlib
import ssl
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.errors import RemoteProtocolError
from ouc.tls import ClientHello, read_client_hello_untrusted
from ouc.tls.hello import GROUP_NAMES


def _standard_library_hello(server_name: str | None = "plc.example", **limits: ssl.TLSVersion) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["opc", "ouc"])
    for name, value in limits.items():
        setattr(context, name, value)
    out = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=server_name)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


HELLO = _standard_library_hello()


def _read(data: bytes) -> ClientHello:
    hello = read_client_hello_untrusted(data)
    assert hello is not None
    return hello


def test_versions_groups_names_and_protocols_of_a_standard_library_client_are_read() -> None:
    hello = _read(HELLO)
    assert hello.version_names[:2] == ("TLS 1.3", "TLS 1.2")
    assert {"X25519", "P-256", "P-384"} <= set(hello.group_names)
    assert "TLS_AES_256_GCM_SHA384" in hello.suite_names
    assert "ecdsa_secp256r1_sha256" in hello.signature_names
    assert (hello.server_name, hello.protocols) == ("plc.example", ("opc", "ouc"))
    assert set(hello.key_shares) <= set(hello.groups)
    assert hello.size == len(HELLO)
    assert not hello.resumes


def test_a_TLS_1_2_hello_has_its_version_in_the_legacy_field() -> None:
    hello = _read(_standard_library_hello(maximum_version=ssl.TLSVersion.TLSv1_2))
    assert hello.version_names == ("TLS 1.2",)
    assert hello.key_shares == ()


@given(st.integers(0, len(HELLO) - 1))
def test_every_true_beginning_of_a_hello_asks_for_more(size: int) -> None:
    assert read_client_hello_untrusted(HELLO[:size]) is None


@given(st.lists(st.integers(1, 60), min_size=1, max_size=20))
def test_a_hello_cut_into_several_records_is_the_same_hello(sizes: list[int]) -> None:
    body, records = HELLO[5:], b""
    for size in sizes:
        piece, body = body[:size], body[size:]
        if piece:
            records += struct.pack(">BHH", 22, 0x0301, len(piece)) + piece
    if body:
        records += struct.pack(">BHH", 22, 0x0301, len(body)) + body
    assert _read(records).groups == _read(HELLO).groups


@given(st.binary(max_size=400))
def test_random_bytes_give_a_hello_or_a_wish_for_more_or_one_clear_error(data: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        read_client_hello_untrusted(data)


@given(st.integers(0, len(HELLO) - 1), st.integers(0, 255))
def test_one_changed_byte_never_breaks_the_reader(at: int, value: int) -> None:
    with contextlib.suppress(RemoteProtocolError):
        read_client_hello_untrusted(HELLO[:at] + bytes([value]) + HELLO[at + 1 :])


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n", b"\x03\x00\x00\x16\x11\xe0", b"\x15\x03\x01\x00\x02\x02\x28", b"\x16\x03\x01\xff\xff",
     b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", b"\x16\x03\x01\x00\x04\x01\xff\xff\xff"],
    ids=["HTTP", "TPKT", "an alert", "a record too long", "a ServerHello", "a message too long"],
)  # fmt: skip
def test_what_is_no_ClientHello_is_refused_with_80E0(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        read_client_hello_untrusted(data)
    assert caught.value.status == 0x80E0


def test_the_names_of_groups_are_unique() -> None:
    assert len(set(GROUP_NAMES.values())) == len(GROUP_NAMES)
