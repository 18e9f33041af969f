"""A survey: what else a passive partner would agree to, one connection per question.

Every question takes the partner's only place for a moment, and the last two send bytes that are no TLS hello. So a survey
is asked for by name, warns first, and pauses between questions.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from typing import Any, Final, Literal

import attrs
import trio

from .causes import diagnose
from .observation import Observation
from .shell import Means, ask

__all__ = ["QUESTIONS", "WARNING", "Answer", "Question", "survey"]

WARNING: Final = (
    "a survey opens {count} connections, one after the other: while it runs, the PLC's real partner may be refused, and the "
    "PLC's block shows errors. Do not survey a running plant"
)

Kind = Literal["version", "group", "suite", "service"]


def _opc_ua_hello(host: str, port: int) -> bytes:
    # OPC 10000-6, 7.1.2.3: version 0, buffers of 65,535 bytes, no limits, the endpoint's URL.
    url = f"opc.tcp://{host}:{port}".encode()
    body = struct.pack("<IIIIII", 0, 65_535, 65_535, 0, 0, len(url)) + url
    return b"HELF" + struct.pack("<I", 8 + len(body)) + body


@attrs.frozen(kw_only=True)
class Question:
    """One question of a survey.

    Attributes:
        kind: What it is about.
        name: What is offered, alone.
        changes: To the policy.
    """

    kind: Kind
    name: str
    changes: dict[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Answer:
    """What came of a question.

    Attributes:
        question: The question.
        agreed: Whether the partner agreed.
        told: What it agreed on, or the cause of its refusal.
    """

    question: Question
    agreed: bool
    told: str


_SUITES_12: Final = ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256",
                     "ECDHE-RSA-AES128-GCM-SHA256")  # fmt: skip
_SUITES_13: Final = ("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256")

QUESTIONS: Final = (
    *(Question(kind="version", name=f"TLS {one}", changes={"versions": (one,)}) for one in ("1.2", "1.3")),
    *(Question(kind="group", name=one, changes={"groups": (one,)}) for one in ("X25519", "P-256", "P-384", "P-521")),
    *(Question(kind="suite", name=one, changes={"versions": ("1.3",), "suites_13": (one,)}) for one in _SUITES_13),
    *(Question(kind="suite", name=one, changes={"versions": ("1.2",), "suites_12": (one,)}) for one in _SUITES_12),
    Question(kind="service", name="HTTPS"),
    Question(kind="service", name="OPC UA"),
)


async def survey(host: str, port: int, means: Means, *, pause: float = 1.0) -> AsyncIterator[Answer]:
    """Ask every question of `QUESTIONS`, with a pause after each connection.

    Args:
        host, port: As `ask` takes them.
        means: As `ask` takes them; its policy is what the questions change.
        pause: Seconds between two connections.
    """
    for question in QUESTIONS:
        await trio.sleep(pause)
        yield await _answer(host, port, means, question)


async def _answer(host: str, port: int, means: Means, question: Question) -> Answer:
    if question.name == "OPC UA":
        seen = await ask(host, port, means, question=_opc_ua_hello(host, port), plain=True)
        agreed = seen.answer[:4] in {b"ACKF", b"ERRF"}
        return Answer(
            question=question, agreed=agreed, told="it answers a HEL message" if agreed else "no OPC UA answer"
        )
    if question.name == "HTTPS":
        request = f"HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        seen = await ask(host, port, means, protocols=(b"http/1.1",), question=request)
        agreed = seen.tls.protocol.startswith("http/") or seen.answer.startswith(b"HTTP/")
        return Answer(
            question=question, agreed=agreed, told="it answers HTTP inside TLS" if agreed else "no HTTP answer"
        )
    seen = await ask(host, port, attrs.evolve(means, policy=attrs.evolve(means.policy, **question.changes)))
    return Answer(question=question, agreed=seen.tls.complete, told=_told(seen))


def _told(seen: Observation) -> str:
    if seen.tls.complete:
        return ", ".join(one for one in (seen.tls.version, seen.tls.suite, seen.tls.group) if one)
    return next((one.cause for one in diagnose(seen)), "no agreement")
