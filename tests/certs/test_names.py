"""Names: how subjectAltName entries are written and read, and which names match."""

from __future__ import annotations

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from ouc.certs.constraints import violates
from ouc.certs.names import dns_matches, parse_san, san_entries, san_text, subject
from ouc.errors import ParameterError

from .strategies import made, make_project

LABELS = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?\Z")
HOSTS = st.lists(LABELS, min_size=2, max_size=4).map(".".join)
ENTRIES = st.one_of(
    st.ip_addresses().map(lambda one: f"IP:{one}"),
    HOSTS.map(lambda one: f"DNS:{one}"),
    HOSTS.map(lambda one: f"URI:urn:{one}"),
    HOSTS.map(lambda one: f"EMAIL:plant@{one}"),
    st.just("RID:1.3.6.1.4.1.4196"),
)


@given(st.lists(ENTRIES, max_size=8))
def test_entries_are_written_as_they_are_read(entries: list[str]) -> None:
    found = parse_san(entries)
    assert parse_san([san_text(one) for one in found]) == found
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("192.168.0.1", x509.IPAddress), ("fd00::1", x509.IPAddress), ("plc-1.plant", x509.DNSName),
        ("*.cell.plant", x509.DNSName), ("urn:plant:plc", x509.UniformResourceIdentifier), ("ip: 10.0.0.1", x509.IPAddress),
    ],
)  # fmt: skip
def test_an_entry_without_prefix_is_what_it_looks_like(text: str, kind: type[x509.GeneralName]) -> None:
    assert isinstance(parse_san([text])[0], kind)


@pytest.mark.parametrize(
    "text",
    [
        "IP:300.1.1.1", "DNS:", "DNS:a b", "DNS:-a.plant", "DNS:ä.plant", "RID:x", "", "DNS:*.*.plant", "EMAIL:ä@plant",
        "12:34", "URI:", "DNS:" + "a" * 64 + ".plant",
    ],
)  # fmt: skip
def test_what_is_no_entry_is_refused(text: str) -> None:
    with pytest.raises(ParameterError):
        parse_san([text])


@pytest.mark.parametrize("name", ["x" * 64, "ä" * 32, "🏭" * 16])
def test_a_long_project_name_is_cut_to_what_a_subject_holds(name: str) -> None:
    assert all(len(entry.common_name.encode()) <= 64 for entry in make_project(name).entries())


def test_more_than_64_entries_are_refused() -> None:
    assert len(parse_san([f"DNS:a{number}.plant" for number in range(64)])) == 64
    with pytest.raises(ParameterError, match="at most 64"):
        parse_san([f"DNS:a{number}.plant" for number in range(65)])


@pytest.mark.parametrize(
    ("options", "part"), [({"country": "Germany"}, "two letters"), ({"organization": "x" * 65}, "organization")]
)
def test_parts_of_a_subject_have_limits(options: dict[str, str], part: str) -> None:
    with pytest.raises(ParameterError, match=part):
        subject("plc", **options)


@given(HOSTS, LABELS)
def test_a_wildcard_stands_for_one_label(host: str, label: str) -> None:
    assert dns_matches(f"*.{host}", f"{label}.{host}") == (host.count(".") >= 1)
    assert not dns_matches(f"*.{host}", host)
    assert not dns_matches(f"*.{host}", f"{label}.{label}.{host}")


@given(HOSTS, LABELS, st.booleans())
def test_a_name_is_either_permitted_or_excluded_by_the_same_subtree(host: str, label: str, wildcard: bool) -> None:
    name = f"{'*' if wildcard else label}.{host}"
    certificate = made("x", san=[x509.DNSName(name)]).certificate
    tree = [x509.DNSName(host)]
    assert not violates(x509.NameConstraints(tree, None), certificate)
    assert violates(x509.NameConstraints(None, tree), certificate)
    stranger = [x509.DNSName(f"x{host}")]
    assert violates(x509.NameConstraints(stranger, None), certificate)
    assert not violates(x509.NameConstraints(None, stranger), certificate)


def test_a_wildcard_is_excluded_by_a_subtree_that_it_reaches_into() -> None:
    certificate = made("x", san=[x509.DNSName("*.plant.example")]).certificate
    inside = [x509.DNSName("cell.plant.example")]
    assert violates(x509.NameConstraints(None, inside), certificate)
    assert violates(x509.NameConstraints(inside, None), certificate)


OIDS = st.from_regex(r"\A1\.3(\.[1-9][0-9]{0,4}){1,6}\Z")
TEXTS = st.text(min_size=1, max_size=60).filter(lambda text: text.isprintable() and text == text.strip() and text[0] != "#")


@given(OIDS, TEXTS)
def test_an_other_name_is_written_into_a_certificate_and_read_again(oid: str, text: str) -> None:
    written = f"OTHER:{oid}={text}"
    (name,) = parse_san([written])
    (read,) = san_entries(made("x", san=[name]).certificate)
    assert san_text(read) == written
    assert parse_san([written]) == (read,)


@given(OIDS, st.binary(min_size=1, max_size=60))
def test_an_other_name_that_is_no_text_keeps_its_bytes(oid: str, content: bytes) -> None:
    name = x509.OtherName(x509.ObjectIdentifier(oid), b"\x04" + bytes([len(content)]) + content)
    assert parse_san([san_text(name)]) == (name,)


@pytest.mark.parametrize("text", ["OTHER:", "OTHER:1.2.3", "OTHER:x=a", "OTHER:1.2.3=", "OTHER:1.2.3=#0g", "OTHER:1.2.3=a\x1bb",
                                  "OTHER:1.2.3=" + "x" * 300, "OTHER:=a"])  # fmt: skip
def test_what_is_no_other_name_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(ParameterError, match="is not an other name") as caught:
        parse_san([text])
    assert "OTHER:OID=TEXT" in caught.value.failure.remedy
