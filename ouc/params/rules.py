"""The rules between the members of one description, as one table.

A row says when a description breaks the rule, which STATUS a CPU shows, and what to change. Rows are independent: what
makes one row speak does not make another speak too, so a single mistake is a single finding. To keep that true the
conditions (`ouc.params.conditions`) look at the effective `Endpoint` and only at connections they concern.

Sources are sections of the reference: B is ouc-blocks.md, C is certificates.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from ..status import Status
from . import conditions as when
from .conditions import Condition
from .findings import Finding, Mark, Severity
from .subject import Subject

__all__ = ["RULES", "Rule"]


@attrs.frozen(kw_only=True)
class Rule:
    """One row.

    Attributes:
        name: Unique; a sentence that names the mistake.
        status: What a CPU shows, 0 where it accepts; a function where it depends on the profile.
        member: The member to change, as `TCON_IP_V4_SEC` spells it, or a function that tells it.
        broken: Whether a description breaks the rule.
        message: With fields of `Subject` in braces.
        remedy: The same.
        source: Where it is written.
        mark: Documented, inferred or contradicted.
        severity: Warnings let the description pass.
    """

    name: str
    status: int | Callable[[Subject], int]
    member: str | Callable[[Subject], str]
    broken: Condition
    message: str
    remedy: str
    source: str
    mark: Mark = "D"
    severity: Severity = Severity.ERROR

    def finding(self, subject: Subject) -> Finding:
        """What to tell about a description that breaks the rule."""
        member = self.member if isinstance(self.member, str) else self.member(subject)
        status = self.status if isinstance(self.status, int) else self.status(subject)
        shown = {"s": subject, "end": subject.end, "profile": subject.profile.name,
                 "refusal": when.refusal(subject)}  # fmt: skip
        return Finding(
            rule=self.name,
            message=self.message.format(**shown),
            member=subject.path(member),
            status=Status(status),
            remedy=self.remedy.format(**shown),
            severity=self.severity,
            mark=self.mark,
        )


_WARNING: Final = Severity.WARNING


def _own_status(s: Subject) -> int:
    return 0x80E2 if s.end.active else 0x80ED


def _trust_status(s: Subject) -> int:
    return s.profile.unknown_trust_server if s.end.active else s.profile.unknown_trust_client


def _own_reference(s: Subject) -> str:
    return s.own_member


def _trust_reference(s: Subject) -> str:
    return s.trust_member


_DOWNLOAD: Final = "and download the hardware configuration"
# The same for who sits at this library.
_OWN_HERE: Final = "; with `ouc`: `ouc cert assign PROJECT ID DEVICE --used-as device`, or cert= and key= (--cert, --key)"
_TRUST_HERE: Final = "; with `ouc`: `ouc cert assign PROJECT ID DEVICE --used-as trusted`, or ca= (--ca FILE)"
_RENEW_HERE: Final = "; with `ouc`: `ouc cert renew PROJECT ID`"
_CLOCK: Final = "Set the clock of the CPU (or of this computer), or activate time synchronization"

RULES: Final = (
    # -- the structure and its ID --------------------------------------------------------------------------------------
    Rule(
        name="structure needs other hardware", status=0x809A, member="CONNECT", source="B 1.10",
        broken=lambda s: isinstance(s.description, when.FOREIGN),
        message="{end.structure} needs hardware that an IP station does not have",
        remedy="Describe the connection with TCON_IP_v4, TCON_QDN, their secure forms or TCON_IP_RFC",
    ),
    Rule(
        name="structure unknown to the firmware", status=0x809A, member="CONNECT", source="B 1.3 to 1.8, 5",
        broken=when.lacks_structure,
        message="{profile} does not support {end.structure}",
        remedy="Choose another structure, or another CPU or firmware in the device configuration",
    ),
    Rule(
        name="ID out of range", status=0x8086, member="ID", source="B 4.2",
        broken=lambda s: not 1 <= s.end.connection_id <= 4095,
        message="ID {end.connection_id} is not in 1 to 4095",
        remedy="Enter an ID from 1 to 4095",
    ),
    Rule(
        name="ID differs from the block's", status=0x80B8, member="ID", source="B 3.2",
        broken=lambda s: s.block_id is not None and s.block_id != s.end.connection_id,
        message="ID {end.connection_id} differs from {s.block_id} at the block's ID",
        remedy="Enter the same number at both places",
    ),
    Rule(
        name="description used twice", status=0x80A3, member="ID", source="B 2.1",
        broken=when.twice,
        message="the same description with ID {end.connection_id} exists once more on the device",
        remedy="Establish a connection once and let all blocks use its ID",
    ),
    Rule(
        name="ID used twice", status=0x80C8, member="ID", source="B 2.1, 4.2",
        broken=when.id_taken,
        message="another connection of the device has ID {end.connection_id}",
        remedy="Give each connection of a CPU its own ID",
    ),
    Rule(
        name="unknown ConnectionType", status=0x80B6, member="ConnectionType", source="B 1.1, 1.4",
        broken=when.wrong_type,
        message="ConnectionType {end.connection_type} does not exist for {end.structure} on {profile}",
        remedy="Enter 11 for TCP, 19 for UDP; 12 for ISO-on-TCP in TCON_IP_RFC",
    ),
    # -- interface -----------------------------------------------------------------------------------------------------
    Rule(
        name="InterfaceId 0", status=0x809B, member="InterfaceId", source="B 1.2, 1.6",
        broken=when.no_interface,
        message="InterfaceId 0 is not allowed in {end.structure}",
        remedy="Enter the hardware identifier of the interface; 64 is the first PROFINET interface",
    ),
    Rule(
        name="InterfaceId 0 of a secure description", status=0x809B, member="InterfaceId", source="B 1.3, 5",
        broken=when.unnamed_interface, mark="C", severity=_WARNING,
        message="no source confirms that {profile} chooses the interface itself",
        remedy="Enter the hardware identifier of the interface; 64 is the first PROFINET interface",
    ),
    Rule(
        name="InterfaceId of a description by name", status=0x809B, member="InterfaceId", source="B 1.4",
        broken=when.own_interface_for_name,
        message="a description by name uses InterfaceId 0 for the CPU, not {end.interface_id}",
        remedy="Enter 0",
    ),
    Rule(
        name="InterfaceId of a CP", status=0x809B, member="InterfaceId", source="B 1.4, 1.5",
        broken=when.other_interface_for_name, severity=_WARNING,
        message="InterfaceId {end.interface_id} is right only if it is the hardware identifier of a plugged CP",
        remedy="Enter 0 for the CPU; through a CP address the partner of a secure connection by IPv4",
    ),
    Rule(
        name="multicast without interface", status=0x809C, member="InterfaceId", source="B 3.2",
        broken=when.multicast_without_interface,
        message="InterfaceId 0 does not go with UDP multicast",
        remedy="Enter the hardware identifier of the interface; 64 is the first PROFINET interface",
    ),
    Rule(
        name="own interface without address", status=0x80CE, member="InterfaceId", source="B 3.2",
        broken=lambda s: s.own_address is not None and int(s.own_address) == 0,
        message="the local interface has the address 0.0.0.0",
        remedy="Give the interface an IP address",
    ),
    # -- role and partner ----------------------------------------------------------------------------------------------
    Rule(
        name="UDP on an active side", status=0x80B5, member="ActiveEstablished", source="B 1.1, 3.2",
        broken=lambda s: when.udp(s) and s.end.active,
        message="UDP has no active side",
        remedy="Set ActiveEstablished to FALSE",
    ),
    Rule(
        name="active without address", status=0x80B7, member="RemoteAddress", source="B 1.2",
        broken=lambda s: when.tcp(s) and s.end.active and when.unspecified(s),
        message="the active side needs the partner's address, not 0.0.0.0",
        remedy="Enter the partner's IPv4 address in RemoteAddress",
    ),
    Rule(
        name="passive without address", status=0x80B7, member="RemoteAddress", source="B 1.2, 3.2", mark="C",
        broken=lambda s: when.tcp(s) and not s.end.active and when.unspecified(s) and not s.profile.accept_any_partner,
        message="this profile does not take 0.0.0.0 for any partner",
        remedy="Enter the partner's IPv4 address in RemoteAddress",
    ),
    Rule(
        name="ISO-on-TCP without address", status=0x80B7, member="RemoteAddress", source="B 1.6",
        broken=lambda s: when.iso(s) and when.unspecified(s),
        message="ISO-on-TCP needs the partner's address, not 0.0.0.0",
        remedy="Enter the partner's IPv4 address in RemoteAddress",
    ),
    Rule(
        name="own address as partner", status=0x80A4, member="RemoteAddress", source="B 1.2",
        broken=when.own_partner,
        message="{end.remote_address} is the address of this device",
        remedy="Enter the partner's IPv4 address in RemoteAddress",
    ),
    Rule(
        name="impossible partner address", status=0x80A4, member="RemoteAddress", source="B 1.2, 3.2", mark="I",
        broken=when.no_partner,
        message="{end.remote_address} is not the address of one partner",
        remedy="Enter the partner's IPv4 address in RemoteAddress",
    ),
    Rule(
        name="active without name", status=0x80D0, member="RemoteAddress", source="B 1.4",
        broken=lambda s: when.tcp(s) and s.end.active and s.end.remote_name == "",
        message="the active side needs the partner's name",
        remedy="Enter the partner's name in RemoteQDN, with a dot at its end",
    ),
    Rule(
        name="name without final dot", status=0x80D1, member="RemoteAddress", source="B 1.4",
        broken=when.unqualified_name,
        message="the name '{end.remote_name}' does not end with a dot",
        remedy="Enter the fully qualified name with a dot at its end, such as plc.plant.example.",
    ),
    Rule(
        name="impossible name", status=0x80D3, member="RemoteAddress", source="RFC 1035, 2.3.4; RFC 1123, 2.1", mark="I",
        broken=lambda s: s.end.protocol is not None and when.impossible_name(s),
        message="no name server can know '{s.shown_name}': {s.name_flaw}",
        remedy="Enter the partner's name as the DNS server knows it",
    ),
    Rule(
        name="no DNS server", status=0x80D2, member="RemoteAddress", source="B 1.4, 3.2",
        broken=lambda s: s.dns_server is False and bool(s.end.remote_name) and s.end.protocol is not None,
        message="the device has no DNS server to ask for '{end.remote_name}'",
        remedy="Enter a DNS server in the CPU's properties",
    ),
    # -- ports ---------------------------------------------------------------------------------------------------------
    Rule(
        name="active without partner port", status=0x80B7, member="RemotePort", source="B 1.2",
        broken=lambda s: when.tcp(s) and s.end.active and s.end.remote_port == 0,
        message="the active side needs the partner's port, not 0",
        remedy="Enter the partner's LocalPort in RemotePort",
    ),
    Rule(
        name="partner port of another service", status=0x0000, member="RemotePort", source="B 3.4", mark="I",
        broken=when.other_service, severity=_WARNING,
        message="RemotePort {end.remote_port} belongs to {s.service}, which answers no Open User Communication",
        remedy="Enter the LocalPort of the partner's passive end (ActiveEstablished = FALSE), best from 2000 to 5000; for "
        "ISO-on-TCP use TCON_IP_RFC",
    ),
    Rule(
        name="passive without local port", status=0x80B7, member="LocalPort", source="B 1.2",
        broken=lambda s: when.tcp(s) and not s.end.active and s.end.local_port == 0,
        message="the passive side needs a local port to wait at, not 0",
        remedy="Enter a LocalPort, best from 2000 to 5000",
    ),
    Rule(
        name="UDP without local port", status=0x80B7, member="LocalPort", source="B 1.2",
        broken=lambda s: when.udp(s) and s.end.local_port == 0,
        message="UDP needs a local port, not 0",
        remedy="Enter a LocalPort, best from 2000 to 5000",
    ),
    Rule(
        name="partner port too high", status=0x80B7, member="RemotePort", source="B 1.2, 4.2", mark="I",
        broken=lambda s: when.ports(s) and s.end.remote_port > s.profile.max_port,
        message="RemotePort {end.remote_port} is above {s.profile.max_port}, the highest on {profile}",
        remedy="Choose a port from 2000 to 5000 for both sides",
    ),
    Rule(
        name="local port too high", status=0x80A2, member="LocalPort", source="B 3.4, 4.2",
        broken=lambda s: when.ports(s) and s.end.local_port > s.profile.max_port,
        message="LocalPort {end.local_port} is above {s.profile.max_port}, the highest on {profile}",
        remedy="Choose a LocalPort from 2000 to 5000",
    ),
    Rule(
        name="reserved local port", status=0x80A2, member="LocalPort", source="B 3.4",
        broken=lambda s: when.ports(s) and s.end.local_port in s.profile.reserved_ports,
        message="LocalPort {end.local_port} is used by the system on {profile}",
        remedy="Choose a LocalPort from 2000 to 5000",
    ),
    Rule(
        name="local port used twice", status=0x80A1, member="LocalPort", source="B 3.2, 4.2",
        broken=when.port_taken,
        message="another connection of the device waits at LocalPort {end.local_port}",
        remedy="Give each passive connection its own LocalPort",
    ),
    # -- ISO-on-TCP and TCON_Param -------------------------------------------------------------------------------------
    Rule(
        name="selector too long", status=0x80B7, member="RemoteSelector", source="B 1.6",
        broken=when.long_selector,
        message="a transport selector has at most 32 bytes",
        remedy="Correct TSelLength of both selectors",
    ),
    Rule(
        name="local selector", status=0x80B4, member="LocalSelector", source="B 1.6, 3.2",
        broken=lambda s: not s.end.active and when.bad_selector(s),
        message="the local selector is missing or kept for other services",
        remedy="Enter a selector that begins with E0, or an ASCII TSAP of 3 to 16 characters",
    ),
    Rule(
        name="local selector of an active side", status=0x80B4, member="LocalSelector", source="B 1.6, 3.2", mark="C",
        broken=lambda s: s.end.active and when.bad_selector(s), severity=_WARNING,
        message="the local selector is missing or kept for other services",
        remedy="Enter a selector that begins with E0, or an ASCII TSAP of 3 to 16 characters",
    ),
    Rule(
        name="length in TCON_Param", status=0x80B7, member="block_length", source="B 1.8, 3.2",
        broken=when.bad_lengths,
        message="a length member does not suit protocol and role",
        remedy="block_length 64; rem_staddr_len 0 or 4; TCP: 2 for the port that is given, 0 for the other; "
        "ISO-on-TCP: 2 to 16",
    ),
    Rule(
        name="interface in TCON_Param", status=0x809B, member="InterfaceId", source="B 1.8",
        broken=lambda s: getattr(s.description, "local_device_id", 1) != 1,
        message="local_device_id names no interface of the CPU",
        remedy="Enter 1 for the CPU's interface",
    ),
    # -- TLS -----------------------------------------------------------------------------------------------------------
    Rule(
        name="UDP with TLS", status=0x80EA, member="ActivateSecureConn", source="B 1.12",
        broken=lambda s: s.end.secure and when.udp(s),
        message="UDP cannot be secured",
        remedy="Use TCP (ConnectionType 11), or set ActivateSecureConn to FALSE",
    ),
    Rule(
        name="client asks for a client certificate", status=0x80EB, member="TLSServerReqClientCert", source="B 1.12",
        broken=lambda s: when.client(s) and s.end.request_client_certificate,
        message="only the passive side can ask for a client certificate",
        remedy="Set TLSServerReqClientCert to FALSE here, and to TRUE at the partner if it is to verify this side",
    ),
    Rule(
        name="server checks the name", status=0x80EC, member="ExtTLSCapabilities", source="B 1.12",
        broken=lambda s: when.server(s) and s.end.check_subject_alternative_name,
        message="only the active side can check the subjectAltName",
        remedy="Set ExtTLSCapabilities to 16#0 here",
    ),
    Rule(
        name="reserved bits", status=0x0000, member="ExtTLSCapabilities", source="B 1.3", mark="I", severity=_WARNING,
        broken=lambda s: s.end.secure and s.extended > 1,
        message="bits 1 to 15 of ExtTLSCapabilities are reserved",
        remedy="Set ExtTLSCapabilities to 16#0 or 16#1",
    ),
    Rule(
        name="server without certificate", status=0x80E9, member="TLSServerCertRef", source="B 1.12", mark="I",
        broken=lambda s: when.server(s) and s.end.tls_server_cert_ref == 0,
        message="a TLS server needs a certificate of its own",
        remedy=f"Assign a device certificate with private key to the CPU, enter its ID in TLSServerCertRef "
        f"{_DOWNLOAD}{_OWN_HERE}",
    ),
    Rule(
        name="TLS members of a plain connection", status=0x0000, member="ActivateSecureConn", source="B 1.3",
        broken=when.ignored, severity=_WARNING,
        message="the connection is not secured: the members below ActivateSecureConn mean nothing",
        remedy="Set ActivateSecureConn to TRUE on both sides, or the members below it to 0",
    ),
    # -- references against the device ---------------------------------------------------------------------------------
    Rule(
        name="own certificate not usable", status=_own_status, member=_own_reference, source="B 1.12; defaults",
        mark="I",
        broken=when.own_unusable,
        message="ID {end.own_reference} is no certificate with private key on the device",
        remedy=f"Assign the certificate to the device {_DOWNLOAD}; are the two references swapped? On the passive side "
        f"TLSServerCertRef is the own certificate, on the active side TLSClientCertRef{_OWN_HERE}",
    ),
    Rule(
        name="own certificate not valid yet", status=0x80E2, member=_own_reference, source="C 4.2",
        broken=when.own_early,
        message="certificate {end.own_reference} is valid from {s.own.not_before:%Y-%m-%d %H:%M} only",
        remedy=_CLOCK,
    ),
    Rule(
        name="own certificate expired", status=0x80E5, member=_own_reference, source="B 3.3",
        broken=when.own_late,
        message="certificate {end.own_reference} has expired on {s.own.not_after:%Y-%m-%d %H:%M}",
        remedy=f"Renew the certificate, which keeps its ID, {_DOWNLOAD}{_RENEW_HERE}",
    ),
    Rule(
        name="own certificate revoked", status=0x80E3, member=_own_reference, source="B 3.3",
        broken=when.own_revoked,
        message="certificate {end.own_reference} was revoked on {s.own.revoked:%Y-%m-%d}",
        remedy=f"Renew the certificate, which keeps its ID, {_DOWNLOAD}",
    ),
    Rule(
        name="own certificate refused", status=0x80E2, member=_own_reference, source="C 4.3",
        broken=when.own_refused,
        message="certificate {end.own_reference} is of no use here: {refusal}",
        remedy=f"Create it with the usage 'TLS client/server' {_DOWNLOAD}",
    ),
    Rule(
        name="key of the own certificate", status=0x80E2, member=_own_reference, source="C 6.2",
        broken=when.own_key,
        message="{profile} cannot use certificate {end.own_reference}: its key is {s.own.key_type}",
        remedy=f"Create it with EC prime256v1 or RSA 2048 {_DOWNLOAD}",
    ),
    Rule(
        name="CA as own certificate", status=0x0000, member=_own_reference, source="C 4.1", mark="I", severity=_WARNING,
        broken=when.own_authority,
        message="certificate {end.own_reference} is a certification authority",
        remedy="Enter the ID of a device certificate; are the two references swapped?",
    ),
    Rule(
        name="trusted certificate unknown", status=_trust_status, member=_trust_reference, source="defaults", mark="I",
        broken=when.trust_unknown,
        message="ID {end.trust_reference} is not on the device",
        remedy=f"Add the CA of the partner's certificate to 'Certificates of the partner devices' {_DOWNLOAD}{_TRUST_HERE}",
    ),
    Rule(
        name="nobody to trust", status=0x80E4, member=_trust_reference, source="B 1.12", mark="I",
        broken=when.nobody_trusted,
        message="reference 0 trusts every CA on the device, and there is none",
        remedy=f"Add the CA of the partner's certificate to 'Certificates of the partner devices' {_DOWNLOAD}{_TRUST_HERE}",
    ),
    Rule(
        name="trusted certificate verifies nobody", status=0x80E2, member=_trust_reference, source="defaults", mark="I",
        broken=when.no_anchor,
        message="certificate {end.trust_reference} is this device's own: the partner cannot show it",
        remedy="Enter the ID of the CA that issued the partner's certificate; are the two references swapped?",
    ),
    Rule(
        name="chain not on the device", status=0x80E4, member=_trust_reference, source="C 4.2",
        broken=when.chain_broken,
        message="the chain of certificate {end.trust_reference} up to its root is not on the device",
        remedy=f"Add the root and every intermediate to 'Certificates of the partner devices' {_DOWNLOAD}{_TRUST_HERE}",
    ),
    Rule(
        name="trusted certificate not valid yet", status=0x80E2, member=_trust_reference, source="C 4.2",
        broken=when.trust_early,
        message="certificate {end.trust_reference} is valid from {s.trust.not_before:%Y-%m-%d %H:%M} only",
        remedy=_CLOCK,
    ),
    Rule(
        name="trusted certificate expired", status=0x80E5, member=_trust_reference, source="B 3.3",
        broken=when.trust_late,
        message="certificate {end.trust_reference} has expired on {s.trust.not_after:%Y-%m-%d %H:%M}",
        remedy=f"Renew the certificate, which keeps its ID, {_DOWNLOAD}{_RENEW_HERE}",
    ),
    Rule(
        name="trusted certificate revoked", status=0x80E3, member=_trust_reference, source="B 3.3",
        broken=when.trust_revoked,
        message="certificate {end.trust_reference} was revoked on {s.trust.revoked:%Y-%m-%d}",
        remedy=f"Enter the ID of a CA that is still good, and give the partner a certificate of it {_DOWNLOAD}",
    ),
    Rule(
        name="key of the trusted certificate", status=0x80E2, member=_trust_reference, source="C 6.2",
        broken=when.trust_key,
        message="{profile} cannot use certificate {end.trust_reference}: its key is {s.trust.key_type}",
        remedy=f"Create it with EC prime256v1 or RSA 2048 {_DOWNLOAD}",
    ),
)  # fmt: skip
