"""What a rule looks at: one description, on one device."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from ipaddress import IPv4Address
from typing import Final

import attrs

from ..profiles import Profile
from ..s7 import Structure
from ..visible import visible
from .description import Description
from .endpoints import Endpoint
from .facts import CertificateFacts, Certificates
from .host_names import flaw_of_name

__all__ = ["Subject"]

# Members that a structure calls differently, beyond upper and lower case.
_OTHER_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "TCON_QDN": {"RemoteAddress": "remote_qdn"},
    "TCON_QDN_SEC": {"RemoteAddress": "ConnPara.remote_qdn"},
    "TCON_IP_RFC": {"RemoteSelector": "remote_tselector", "LocalSelector": "local_tselector"},
    "TCON_Param": {
        "ActiveEstablished": "active_est",
        "InterfaceId": "local_device_id",
        "RemoteAddress": "rem_staddr",
        "RemotePort": "rem_tsap_id",
        "LocalPort": "local_tsap_id",
        "RemoteSelector": "rem_tsap_id",
        "LocalSelector": "local_tsap_id",
    },
}


# Ports of a controller's own services (ouc-blocks.md 3.4 and 4.2) that speak no Open User Communication.
_SERVICES: Final[Mapping[int, str]] = {
    80: "the web server (HTTP)",
    102: "the programming device, S7 communication and ISO-on-TCP",
    443: "the web server (HTTPS)",
    4840: "the OPC UA server",
    34962: "PROFINET",
    34963: "PROFINET",
    34964: "PROFINET",
}


@attrs.frozen(kw_only=True, eq=False)
class Subject:
    """One description with everything that decides about it.

    Attributes:
        description: The structure.
        end: The same in the words that all structures share.
        profile: The firmware.
        own_address: Of the device, None if unknown.
        block_id: What stands at the block's pin ID, None if unknown.
        dns_server: Whether the device has a DNS server, None if unknown.
        others: The other connections of the device.
        certificates: What the device holds, None if unknown.
        now: The time at which certificates are judged, None if it does not matter.
    """

    description: Description
    end: Endpoint
    profile: Profile
    own_address: IPv4Address | None = None
    block_id: int | None = None
    dns_server: bool | None = None
    others: tuple[Description, ...] = ()
    certificates: Certificates | None = None
    now: datetime | None = None

    def path(self, member: str) -> str:
        """A member's path in this structure; `ConnPara.RemotePort` for `RemotePort` of a secure one.

        Args:
            member: The member as `TCON_IP_V4_SEC` spells it.
        """
        renamed = _OTHER_NAMES.get(self.end.structure, {}).get(member)
        if renamed is not None:
            return renamed
        found = self.description.layout().find(member)
        if found is not None:
            return found.name
        inner = getattr(self.description, "ConnPara", None)
        nested = inner.layout().find(member) if isinstance(inner, Structure) else None
        return member if nested is None else f"ConnPara.{nested.name}"

    @property
    def service(self) -> str:
        """What a controller has at the port that an active end dials, empty where that is nothing known."""
        return _SERVICES.get(self.end.remote_port, "")

    @property
    def extended(self) -> int:
        """ExtTLSCapabilities, 0 in a structure without it."""
        return int(getattr(self.description, "ExtTLSCapabilities", 0))

    @property
    def shown_name(self) -> str:
        """The partner's name without anything that a terminal would obey."""
        return visible(self.end.remote_name or "")

    @property
    def name_flaw(self) -> str:
        """Why no name server can know the partner's name, empty if one could."""
        return flaw_of_name(self.end.remote_name or "")

    @property
    def own(self) -> CertificateFacts | None:
        """The own certificate, None if the description names none or the device does not hold it."""
        return None if self.certificates is None else self.certificates.get(self.end.own_reference)

    @property
    def trust(self) -> CertificateFacts | None:
        """The certificate to verify the partner with, None if the description names none or it is not held."""
        return None if self.certificates is None else self.certificates.get(self.end.trust_reference)

    @property
    def verifies(self) -> bool:
        """Whether this side verifies its partner: a client always, a server where it asks for a certificate."""
        return self.end.secure and (self.end.active or self.end.request_client_certificate)

    @property
    def own_member(self) -> str:
        """The reference that names the own certificate."""
        return "TLSClientCertRef" if self.end.active else "TLSServerCertRef"

    @property
    def trust_member(self) -> str:
        """The reference that names whom to trust."""
        return "TLSServerCertRef" if self.end.active else "TLSClientCertRef"
