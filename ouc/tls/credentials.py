"""From the two certificate references of a connection description to what TLS needs.

The same member means "own" on one side and "trust" on the other (certificates.md 4.1):

    =================  ==========================  ==========================
    reference          server (passive side)       client (active side)
    =================  ==========================  ==========================
    TLSServerCertRef   own certificate             trust for the server
    TLSClientCertRef   trust for clients           own certificate
    =================  ==========================  ==========================

The illegal combinations of flags (80EA, 80EB, 80EC) are rules of `ouc.params`; here the references meet the device.
"""

from __future__ import annotations

import attrs

from ..certs import DeviceStore, OwnCertificate, Trust
from ..certs.snapshot import Side

__all__ = ["Credentials", "resolve_credentials"]


@attrs.frozen(kw_only=True)
class Credentials:
    """What one side of a TLS connection shows and what it believes.

    Attributes:
        own: Certificate with its private key, None on a client that has none.
        trust: Anchors for the partner; None only on a server that asks for no client certificate.
    """

    own: OwnCertificate | None = attrs.field(default=None, repr=lambda own: "None" if own is None else f"ID {own.id}")
    trust: Trust | None = None


def resolve_credentials(
    store: DeviceStore,
    *,
    active: bool,
    server_reference: int,
    client_reference: int,
    request_client_certificate: bool = False,
    unknown_trust: int | None = None,
    stale_crl_passes: bool = True,
) -> Credentials:
    """Look up both references on the device, before a packet leaves.

    Args:
        store: The device's certificates, a snapshot.
        active: True on the side that connects, which is the TLS client.
        server_reference: TLSServerCertRef, 0 to 4294967295.
        client_reference: TLSClientCertRef, 0 to 4294967295.
        request_client_certificate: TLSServerReqClientCert; only looked at on the passive side, where without it the
            trust reference does not matter.
        unknown_trust: STATUS where the trust reference names a certificate that is not on the device; None for the
            default of the role.
        stale_crl_passes: Under "if present" a stale revocation list is consulted and passes what it does not name.

    Raises:
        CertificateError: A reference does not do what its role needs: 80E9, 80ED, 80E2 or 80E4 (../design/defaults.md).
    """
    side: Side = "client" if active else "server"
    shown, believed = (client_reference, server_reference) if active else (server_reference, client_reference)
    own = store.own(shown, side=side)
    if not active and not request_client_certificate:
        return Credentials(own=own)
    trust = store.trust(believed, side=side, unknown=unknown_trust, stale_passes=stale_crl_passes)
    return Credentials(own=own, trust=trust)
