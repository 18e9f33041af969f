"""The reference page of this room, made from its tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from cryptography import x509

from .create import DEFAULT_CAS
from .effort import ITERATION_LIMIT
from .exchange import FORMATS, METHODS
from .issue import DEFAULT_DAYS, HASHES
from .keys import KEY_KINDS
from .material import ARCHIVE_LIMIT, COUNT_LIMIT, KEY_LIMIT, RSA_LIMIT, SIZE_LIMIT
from .rules import RULES
from .snapshot import CERTIFICATE_LIMIT
from .templates import TEMPLATES, Template, key_usage

__all__ = ["page"]

_INTRODUCTION: Final = """\
# Certificates

Generated from the tables of `ouc.certs`; the tests compare. Which parts TIA Portal documents, and which are what the
standards ask for, is said in the modules.
"""

_REFERENCES: Final = """\
## References

| reference | asked by | value | STATUS |
| --- | --- | --- | --- |
| own certificate, TLSServerCertRef | server | 0 | 80E9 |
| | | not on the device, or without private key | 80ED |
| own certificate, TLSClientCertRef | client | 0 | none is shown |
| | | not on the device, or without private key | 80E2 |
| trust, TLSServerCertRef | client | 0 | every CA on the device; 80E4 if there is none |
| | | not on the device | 80ED |
| trust, TLSClientCertRef | server | 0 | every CA on the device; 80E4 if there is none |
| | | not on the device | 80E4 |
| trust, either | | known, but cannot verify a partner | 80E2 |
| | | its chain up to a root is not on the device | 80E4 |
"""

_WHAT: Final = {
    "readable": ("can be read, is of version 3, has names", "80E2"),
    "validity": ("is valid at the station's time", "80E2 too early, 80E5 too late"),
    "extensions": ("has no critical extension that is unknown", "80E7"),
    "authority": ("issues only if it is a CA with the right to, within its path length", "80E2"),
    "usage": ("is meant for the partner's role", "80E2"),
    "names": ("has only names that the CAs above may certify", "80E2"),
    "strength": ("has a key of at least 112 bits of security, no curve without a name, no signature with SHA-1 or MD5", "80E2"),
    "profile": ("strict policy only: what RFC 5280 demands of the issuer, such as a positive serial number", "80E2"),
}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


_BITS: Final = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign",
    "crl_sign",
)  # fmt: skip


def _usages(usage: x509.KeyUsage) -> str:
    return ", ".join(bit.replace("_", " ") for bit in _BITS if getattr(usage, bit))


def _template(row: Template) -> Sequence[str]:
    purposes = {"1.3.6.1.5.5.7.3.1": "server", "1.3.6.1.5.5.7.3.2": "client"}
    known = ", ".join(purposes[one.dotted_string] for one in row.purposes) or "none"
    usage = _usages(key_usage(row, is_rsa=row.key.startswith("rsa")))
    return (f"`{row.name}`", row.screen, usage, known, f"`{row.key}`", f"`<device>/{row.service}-<ID>`")


def page() -> str:
    """The text of docs/reference/certificates.md."""
    usages = _table(
        ("usage", "TIA Portal", "key usage", "extended", "key", "common name"), (_template(row) for row in TEMPLATES.values())
    )
    keys = _table(("kind", "TIA Portal", "remark"), (
        (f"`{kind.name}`", kind.screen, "only with `--legacy`" if kind.legacy else
         f"not for {', '.join(sorted(kind.refused_by))}" if kind.refused_by else "") for kind in KEY_KINDS.values()
    ))  # fmt: skip
    cas = _table(("ID", "key", "hash", "remark"), (
        (str(ca.id), ca.key, ca.hash, ca.note or ("made when it is needed" if name == "ec" else ""))
        for name, ca in DEFAULT_CAS.items()
    ))  # fmt: skip
    formats = _table(("format", "encoding", "private key", "encrypted key", "chain"), (
        (f".{name}", row.encoding, {"separate": "second file, in clear", "same": "same file", "always": "always"}[row.key],
         "yes" if row.encrypts else "no", "yes" if row.chain else "no") for name, row in FORMATS.items()
    ))  # fmt: skip
    rules = _table(("rule", "each certificate of the chain", "STATUS"), ((rule.name, *_WHAT[rule.name]) for rule in RULES))
    return "\n".join((
        _INTRODUCTION,
        f"## Usages\n\nValidity is {DEFAULT_DAYS} days unless `--days` says otherwise, never longer than the issuer's. "
        f"Hashes: {', '.join(name for name in HASHES if name != 'sha1')}; `sha1` only with `--legacy`.\n",
        usages, "## Keys\n", keys, "## Default CAs\n", cas, "## Export\n", formats,
        f"Methods for a key in PEM: {', '.join(METHODS)}. `.crl` is the current revocation list of a CA, empty until something "
        "was revoked. A key lies in clear only with `--unencrypted`, and a password that would protect nothing is refused. "
        "Import reads PEM, DER and PKCS#12 under any ending.\n",
        _REFERENCES,
        "## Verification\n\nA chain is searched among what the partner sent and what the device holds. It ends at a "
        "self-signed certificate that the device holds, else 80E4; a wrong signature is 80E6. Then, from the root down:\n",
        rules,
        "Then the chain must contain the certificate that the reference names (80E4), pass the device's policy on revocation "
        "lists (80E3 revoked, 80E4 no current list where one is required), and carry the expected address or name in its "
        "subjectAltName if that was asked for (80E1).\n",
        f"## Limits\n\nA device holds {CERTIFICATE_LIMIT} certificates. IDs are 1 to 4294967295 and never used again. A "
        "certificate has at most 65536 bytes, a partner's chain 10 certificates. A file that is read has at most "
        f"{SIZE_LIMIT} bytes and {COUNT_LIMIT} objects, {KEY_LIMIT} of them private keys, an archive {ARCHIVE_LIMIT} bytes. A "
        f"password that needs more than {ITERATION_LIMIT} rounds of hashing is not tried, an RSA private key of more than "
        f"{RSA_LIMIT} bits not read.\n",
    ))  # fmt: skip
