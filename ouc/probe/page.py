"""The reference page of the probe, made from its tables."""

from __future__ import annotations

from ..status import Status
from ..tls.verdict import ALERTS
from .causes import ENDINGS
from .certificates import CERTIFICATE_CAUSES, REFUSALS

__all__ = ["page"]

_HEAD = """# `ouc probe`: causes

`ouc probe HOST:PORT` makes one connection to a PLC that listens; `ouc probe --listen PORT` waits for one that connects. No
data are sent. What is wrong gets a name from this page, with the STATUS that a CPU in our place shows, and a remedy. The
exit status is 0 if nothing is wrong (notes do not count) and 1 otherwise. This page is made from the tables in
`ouc/probe/`. How to use it: [Find out why a handshake fails](../how-to/find-out-why-a-handshake-fails.md).

## How the connection ended

The first row that fits is told.

| cause | STATUS | what was seen | remedy |
| --- | --- | --- | --- |
"""

_CERTIFICATES = """
## The partner's certificate

Judged by our own verification, whatever the handshake did. Without a reference the issuer is not judged; dates, usage and
address are.

| cause | STATUS | meaning |
| --- | --- | --- |
"""

_OURS = """
## Our certificate

The partner refused it with an alert; the probe compares the alert with our certificate's dates and addresses.

| cause | alert | meaning | remedy |
| --- | --- | --- | --- |
"""

_TAIL = """
## Everything else

| cause | meaning |
| --- | --- |
| `handshake-refused` | the partner sent an alert that is not about a certificate; its name is told |
| `handshake-failed` | our TLS could not accept the partner's bytes; its own words are told |
| `handshake-stalled` | the handshake began and was not finished within the time limit |
| `closed-after-handshake` | the partner closed right after the handshake, without an alert |

## The report

`--json` writes one object: `partner`, `role`, `time`, `healthy`, `tcp`, `end`, `findings` (each with `cause`, `level`,
`what`, `remedy`, `status`), `tls` (version, suite, group, chain with subject, issuer, key, dates and SAN, whether a client
certificate was asked for and which issuers were named), `client_hello` (versions, groups, suites, signatures),
`first_bytes`, and `survey`. It holds no key, no password and no data.
"""


def page() -> str:
    """The page."""
    placeholders = {"where": "HOST:PORT", "port": "PORT", "limit": "N", "offer": "…", "versions": "…", "first": "…"}
    endings = [
        f"| `{row.cause}` | {Status(row.status)} | {row.what.format(**placeholders)} | {row.remedy} |" for row in ENDINGS
    ]
    certificates = [f"| `{name}` | {Status(status)} | {what} |" for name, (status, what) in CERTIFICATE_CAUSES.items()]
    ours = [
        f"| `{cause}` | {', '.join(ALERTS[one][0] for one in alerts)} | {what.format(own_address='…')} | {remedy} |"
        for alerts, cause, _, what, remedy in REFUSALS
    ]
    return (
        _HEAD + "\n".join(endings) + "\n" + _CERTIFICATES + "\n".join(certificates) + "\n" + _OURS + "\n".join(ours) + "\n"
        + _TAIL
    )  # fmt: skip
