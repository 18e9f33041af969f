"""What is offered and accepted on a TLS connection, as one frozen value made from a profile.

Nothing here is OpenSSL's default: versions, groups, suites, signature algorithms and the ticket habit are chosen, and the
resulting hello is compared with the policy by our own reader (`ouc.tls.hello`).
"""

from __future__ import annotations

from typing import Final, Literal

import attrs

from ..errors import ParameterError

__all__ = ["DEFAULT", "Policy", "Tickets", "Version"]

Version = Literal["1.2", "1.3"]
Tickets = Literal["eager", "late"]

# Authenticated encryption with forward secrecy only. What a CPU's OUC stack offers is in no source (ouc-blocks.md 8.1);
# these are the suites that every TLS 1.2 stack of the last ten years shares.
_SUITES_12: Final = (
    "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
)  # fmt: skip
# TLS_AES_256_GCM_SHA384 first: the suite seen on real CPUs (certificates.md 6.3).
_SUITES_13: Final = ("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256")
_SIGNATURES: Final = (
    "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384",
    "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512",
    "rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512",
)  # fmt: skip


def _known_versions(_: object, __: object, versions: tuple[str, ...]) -> None:
    if not versions or not set(versions) <= {"1.2", "1.3"}:
        raise ParameterError(f"TLS versions {versions!r} are not available", remedy="Choose among '1.2' and '1.3'")


@attrs.frozen(kw_only=True)
class Policy:
    """Settings of TLS for one role; hashable, so contexts are cached under it.

    Attributes:
        versions: `"1.2"`, `"1.3"` or both.
        groups: Key-exchange groups by OpenSSL's names, first is preferred. TLS 1.2 with an EC certificate needs the
            certificate's own curve among them.
        known_groups: On an emulated server of the strict habit: a hello that offers any group besides these is answered
            with a reset, as real controllers have been seen to do (certificates.md 6.3). Empty: tolerant.
        suites_12: Cipher suites for TLS 1.2.
        suites_13: Cipher suites for TLS 1.3.
        signatures: Signature algorithms offered and accepted.
        security_level: OpenSSL's level; 1 admits SHA-1 and RSA 1024 is below it. Only a named legacy policy lowers it.
        send_chain: Send intermediates after the leaf. A CPU sends its leaf only (certificates.md 4.2).
        tickets: When a TLS 1.3 server hands out its two tickets: `eager`, with the handshake, as the recorded CPU
            does; `late`, before its first data or with its close_notify. A partner that only writes never reads early
            tickets, and its close then becomes a reset that loses what it had sent (tls-performance.md, pitfall 2).
        confirmation_grace: Seconds that a TLS 1.3 client whose certificate was asked for waits at most for the server to
            speak before the connection counts as established (certificates.md 4.3: the verdict comes after the handshake).
        refused_status: STATUS where the partner ends the establishment with an alert (certificates.md 4.3 [I]).
        resumption: Resume sessions, in the memory of this process only, and only while the remembered chain would pass a
            full handshake (`ouc.tls.resumption`). Off, because no source says that a CPU resumes (certificates.md 6.4);
            on, it saves partners that connect again and again their signatures.
        max_depth: Intermediate certificates allowed between the partner's leaf and its root; with the root these are the
            eight CAs that `certs.verify` allows.
        max_handshake: Bytes accepted from a partner before the handshake is over (memory footing).
        max_key_updates: Messages that carry no data (key updates, session tickets, attempts to renegotiate) accepted
            from a partner in a row; every sixteen records of data make up for one.
    """

    versions: tuple[Version, ...] = attrs.field(default=("1.2", "1.3"), validator=_known_versions)
    groups: tuple[str, ...] = ("X25519", "P-256", "P-384")
    known_groups: tuple[str, ...] = ()
    suites_12: tuple[str, ...] = _SUITES_12
    suites_13: tuple[str, ...] = _SUITES_13
    signatures: tuple[str, ...] = _SIGNATURES
    security_level: int = 2
    send_chain: bool = False
    tickets: Tickets = "late"
    confirmation_grace: float = 1.0
    refused_status: int = 0x80E1
    resumption: bool = False
    max_depth: int = 7
    max_handshake: int = 65_536
    max_key_updates: int = 32


# The widest offer that no reported CPU has reset: no ML-KEM, X448 or P-521 (certificates.md 6.3).
DEFAULT: Final = Policy()
