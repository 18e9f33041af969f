"""What a probe tells: a document for machines that can be sent to a colleague, because it holds no secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryptography import x509

from ..certs.entry import summary
from ..errors import OUCError
from ..tls import ClientHello
from .observation import Finding, Observation
from .questions import Answer

__all__ = ["certificate_facts", "hello_facts", "report"]


def certificate_facts(certificate: x509.Certificate) -> dict[str, Any]:
    """What is worth knowing about a certificate that a stranger sent; unreadable parts are told as such."""
    try:
        facts = summary(certificate)
    except OUCError as error:
        return {"unreadable": error.failure.what}
    return {
        "subject": facts.common_name, "issuer": facts.issuer, "serial": facts.serial, "key": facts.key_type,
        "signature_algorithm": facts.algorithm, "valid_from": facts.not_before.isoformat(),
        "valid_to": facts.not_after.isoformat(), "san": list(facts.san), "ca": facts.is_ca,
        "fingerprint": facts.fingerprint,
    }  # fmt: skip


def hello_facts(hello: ClientHello) -> dict[str, Any]:
    """A ClientHello by names."""
    return {
        "size": hello.size, "versions": list(hello.version_names), "groups": list(hello.group_names),
        "suites": list(hello.suite_names), "signatures": list(hello.signature_names), "server_name": hello.server_name,
    }  # fmt: skip


def report(seen: Observation, findings: Sequence[Finding], answers: Sequence[Answer] = ()) -> dict[str, Any]:
    """Everything as plain values.

    Args:
        seen: The connection.
        findings: What `diagnose` made of it.
        answers: Of a survey.
    """
    tls = seen.tls
    document: dict[str, Any] = {
        "partner": seen.where,
        "role": "we dialled" if seen.role == "client" else "the PLC dialled",
        "time": seen.now.isoformat(),
        "healthy": not any(one.level == "error" for one in findings),
        "tcp": seen.opening.value,
        "end": seen.end.value,
        "findings": [
            {
                "cause": one.cause, "level": one.level, "what": one.failure.what, "remedy": one.failure.remedy,
                "status": None if one.failure.status is None else str(one.failure.status),
            }
            for one in findings
        ],
        "tls": None,
        "client_hello": None if seen.hello is None else hello_facts(seen.hello),
        "first_bytes": seen.first[:16].hex(),
    }  # fmt: skip
    if tls.complete or tls.chain:
        document["tls"] = {
            "version": tls.version, "suite": tls.suite, "group": tls.group, "complete": tls.complete,
            "client_certificate_asked": tls.asked, "accepted_issuers": list(tls.issuers),
            "chain": [certificate_facts(one) for one in tls.chain],
        }  # fmt: skip
    if answers:
        document["survey"] = [
            {"kind": one.question.kind, "offered": one.question.name, "agreed": one.agreed, "told": one.told}
            for one in answers
        ]
    return document
