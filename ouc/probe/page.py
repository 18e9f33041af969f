"""The reference page of causes, made from their table."""

from __future__ import annotations

from typing import Final

from ..causes import ABOUT_OUR_CERTIFICATE, ALERTS, NAMED, PARTNER_CERTIFICATE, ROWS, UNKNOWN, Row
from ..status import Status

__all__ = ["page"]

_HEAD = """# Why a connection does not work: causes

`ouc probe HOST:PORT` makes one connection to a PLC that listens; `ouc probe --listen [HOST:]PORT` waits for one that connects.
No data are sent. What is wrong gets a name from this page, with the STATUS that a CPU in our place shows, and a remedy. The
[exit status](exit-status.md) is 0 if nothing is wrong (notes do not count) and 1 if something is. How to use it:
[Find out why a handshake fails](../how-to/find-out-why-a-handshake-fails.md).

Exceptions, blocks, logs and commands speak from the same table: `error.failure` has `cause`, `status`, `what`, `where`,
`remedy`, `certificate` (subject, issuer, dates, subjectAltName and fingerprint of the certificate that it is about) and
`closer`, the command that looks closer. This page is made from the table in `ouc/causes/`.

A probe knows more than a program in one point: it listens for a moment before it speaks. What it calls `turned-away` is
`reset-after-hello` or `closed-after-hello` to a program, and it looks for a `missing-intermediate` in the whole project, where
a device knows only an `unknown-ca`. STATUS is the same, and the wider remedy holds the narrower one.

## How a connection fails

The first row that fits is told. Where the remedy depends on who dials, both are given.

| cause | STATUS | what was seen | remedy |
| --- | --- | --- | --- |
"""

_CERTIFICATES = """
## The partner's certificate

Judged by our own verification; the sentence names the certificate, its dates, its addresses or the missing CA. Without a
reference the issuer is not judged; dates, usage and address are.

| cause | STATUS | meaning | remedy |
| --- | --- | --- | --- |
"""

_ALERTS = """
## Alerts

What a partner means by an alert before the connection is established: STATUS 16#80E1. Those about our certificate are compared
with its dates and addresses; they are the rows `own-…` above. Afterwards each of them is an `ended-by-alert`, STATUS 16#80C5.

| alert | number | meaning | about our certificate |
| --- | --- | --- | --- |
"""

_TAIL = """
## The report

`--json` writes one object: `partner`, `role`, `time`, `healthy`, `tcp`, `end`, `findings` (each with `cause`, `level`,
`what`, `remedy`, `status`), `tls` (version, suite, group, chain with subject, issuer, key, dates and SAN, whether a client
certificate was asked for and which issuers were named), `client_hello` (versions, groups, suites, signatures),
`first_bytes`, and `survey`. It holds no key, no password and no data.
"""

_PLACEHOLDERS: Final = {
    "where": "HOST:PORT", "port": "port PORT", "limit": "N", "groups": "…", "versions": "…", "first": "…", "told": "",
    "how": "closed (or reset) the connection", "alert": "…", "meaning": "…", "reason": "…", "number": "…",
    "own": "our certificate",
    "own_ca": "its CA", "own_until": "", "own_from": " yet", "own_san": "…", "own_address": "…", "said": "…", "name": "…",
    "local_port": "port PORT", "local_address": "ADDRESS",
    "field": "TLSServerCertRef (active end) or TLSClientCertRef (passive end)",
    "issuer": "…", "id": "ID", "fingerprint": "…",
}  # fmt: skip


def _filled(text: str) -> str:
    return text.format(**_PLACEHOLDERS)


def _remedy(row: Row) -> str:
    if isinstance(row.remedy, str):
        return _filled(row.remedy)
    active, passive = (_filled(one) for one in row.remedy)
    return f"Active end: {active}. Passive end: {passive}"


def _line(row: Row) -> str:
    return f"| `{row.cause}` | {Status(row.status)} | {row.meaning or _filled(row.what)} | {_remedy(row)} |"


def page() -> str:
    """The page."""
    endings = [_line(row) for row in (*ROWS, *NAMED, UNKNOWN)]
    certificates = [_line(row) for row in PARTNER_CERTIFICATE.values()]
    alerts = [
        f"| {name} | {number} | {meaning} | {'yes' if number in ABOUT_OUR_CERTIFICATE else 'no'} |"
        for number, (name, _, meaning) in ALERTS.items()
        if number
    ]
    return (
        _HEAD + "\n".join(endings) + "\n" + _CERTIFICATES + "\n".join(certificates) + "\n" + _ALERTS + "\n".join(alerts) + "\n"
        + _TAIL
    )  # fmt: skip
