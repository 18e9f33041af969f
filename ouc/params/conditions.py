"""When a description breaks a rule: the conditions that the rows of `ouc.params.rules` name.

They look at the effective `Endpoint`, where what a role does not evaluate is not there, and each only at connections of
its protocol: so one mistake makes one condition true.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Final, TypeAlias

from .endpoints import CONNECTION_TYPES, Endpoint, view
from .facts import CertificateFacts
from .foreign import TCON_FDL, TCON_ISOnative, TCON_Phone
from .iso import TCON_IP_RFC
from .legacy import TCON_Configured, TCON_Param
from .subject import Subject
from .tcp import TCON_IP_V4_SEC, TCON_QDN, TCON_QDN_SEC, TCON_IP_v4

Condition: TypeAlias = Callable[[Subject], bool]

FOREIGN: Final = (TCON_ISOnative, TCON_FDL, TCON_Phone)
_SECURE: Final = (TCON_IP_V4_SEC, TCON_QDN_SEC)
_NAMED: Final = (TCON_QDN, TCON_QDN_SEC)

# Structures that not every firmware has, with the feature that brings them.
_BROUGHT_BY: Final = {
    TCON_IP_V4_SEC: "secure",
    TCON_QDN: "domain_names",
    TCON_QDN_SEC: "secure",
    TCON_Param: "tcon_param",
    TCON_Configured: "configured_connections",
}


# -- words ------------------------------------------------------------------------------------------------------------


def tcp(s: Subject) -> bool:
    """A TCP connection, secure or not."""
    return s.end.protocol == "TCP"


def udp(s: Subject) -> bool:
    """UDP."""
    return s.end.protocol == "UDP"


def iso(s: Subject) -> bool:
    """ISO-on-TCP."""
    return s.end.protocol == "ISO-on-TCP"


def ports(s: Subject) -> bool:
    """A connection that names ports."""
    return tcp(s) or udp(s)


def other_service(s: Subject) -> bool:
    """An active end that dials a port at which a controller has another service."""
    return tcp(s) and s.end.active and bool(s.service)


def tls(s: Subject) -> bool:
    """TCP with TLS."""
    return s.end.secure and tcp(s)


def server(s: Subject) -> bool:
    """The TLS server, which is the passive side."""
    return tls(s) and not s.end.active


def client(s: Subject) -> bool:
    """The TLS client, which is the active side."""
    return tls(s) and s.end.active


def unspecified(s: Subject) -> bool:
    """The partner's address is 0.0.0.0."""
    return s.end.remote_address is not None and int(s.end.remote_address) == 0


def _partner(s: Subject) -> IPv4Address | None:
    return None if s.end.protocol is None or unspecified(s) else s.end.remote_address


# -- structure, interface, addresses ----------------------------------------------------------------------------------


def lacks_structure(s: Subject) -> bool:
    """The firmware does not know the structure."""
    feature = _BROUGHT_BY.get(type(s.description))
    return feature is not None and not s.profile.has(feature)


def wrong_type(s: Subject) -> bool:
    """ConnectionType does not exist for the structure."""
    if s.end.structure not in CONNECTION_TYPES:
        return False
    # "17 also valid for TCP on S7-1500" is said of TCON_QDN only (B 1.4).
    narrow = isinstance(s.description, _NAMED) and s.profile.family.startswith("S7-1200")
    return s.end.protocol is None or (narrow and s.end.connection_type == 0x11)


def no_interface(s: Subject) -> bool:
    """InterfaceId 0 in a structure that does not allow it."""
    return isinstance(s.description, TCON_IP_v4 | TCON_IP_RFC) and s.end.interface_id == 0


def unnamed_interface(s: Subject) -> bool:
    """InterfaceId 0 in a secure description on firmware for which no source allows it."""
    lenient = s.profile.has("interface_0_secure") or lacks_structure(s)
    return isinstance(s.description, TCON_IP_V4_SEC) and s.end.interface_id == 0 and not lenient


def own_interface_for_name(s: Subject) -> bool:
    """A description by name that gives the CPU's own interface as something else than 0."""
    return _interface_for_name(s) and s.end.interface_id == s.profile.interface


def other_interface_for_name(s: Subject) -> bool:
    """A description by name that gives an interface we cannot know, presumably of a CP."""
    return _interface_for_name(s) and s.end.interface_id != s.profile.interface


def _interface_for_name(s: Subject) -> bool:
    return isinstance(s.description, _NAMED) and s.end.interface_id != 0 and s.profile.has("interface_0_names")


def multicast_without_interface(s: Subject) -> bool:
    """UDP multicast while the CPU is to choose the interface."""
    partner = _partner(s)
    secure = isinstance(s.description, TCON_IP_V4_SEC)
    return udp(s) and secure and partner is not None and partner.is_multicast and s.end.interface_id == 0


def no_partner(s: Subject) -> bool:
    """An address that no single partner has. With UDP a multicast group and the broadcast address are partners."""
    partner = _partner(s)
    if partner is None:
        return False
    if partner.is_multicast:
        return not (udp(s) and s.profile.has("multicast"))
    broadcast = int(partner) == 0xFFFF_FFFF
    return int(partner) >> 24 == 0 or (int(partner) >> 28 == 0xF and not (udp(s) and broadcast))


def own_partner(s: Subject) -> bool:
    """The partner's address is the own one; on a computer the loopback addresses are everybody's."""
    partner = _partner(s)
    return partner is not None and partner == s.own_address and not partner.is_loopback


def impossible_name(s: Subject) -> bool:
    """A name with its final dot that no DNS server can know."""
    return (s.end.remote_name or "").endswith(".") and bool(s.name_flaw)


def unqualified_name(s: Subject) -> bool:
    """A name without its final dot."""
    return bool(s.end.remote_name) and not str(s.end.remote_name).endswith(".") and s.end.protocol is not None


# -- ISO-on-TCP and TCON_Param ----------------------------------------------------------------------------------------


def long_selector(s: Subject) -> bool:
    """A selector's length above what its array holds."""
    value = s.description
    if not isinstance(value, TCON_IP_RFC):
        return False
    return max(value.remote_tselector.TSelLength, value.local_tselector.TSelLength) > 32


def bad_selector(s: Subject) -> bool:
    """A local selector that is missing or kept for other services."""
    local = s.end.local_selector
    reserved = (len(local) == 2 and local[0] != 0xE0) or local.startswith(b"SIMATIC-")
    return iso(s) and not bad_lengths(s) and (not local or reserved)


def bad_lengths(s: Subject) -> bool:
    """A length member of TCON_Param that does not suit protocol and role (B 1.8)."""
    value = s.description
    if not isinstance(value, TCON_Param):
        return False
    local, remote = value.local_tsap_id_len, value.rem_tsap_id_len
    fits = {
        "TCP": local in ((0,) if value.active_est else (0, 2)) and remote in ((0, 2) if value.active_est else (0,)),
        "ISO-on-TCP": 2 <= local <= 16 and 2 <= remote <= 16,
        "UDP": local in (0, 2) and remote == 0,
    }
    return not fits.get(s.end.protocol or "", True) or value.block_length != 64 or value.rem_staddr_len not in (0, 4)


# -- the other connections of the device ------------------------------------------------------------------------------


def _rivals(s: Subject) -> list[Endpoint]:
    return [view(other) for other in s.others]


def twice(s: Subject) -> bool:
    """The same description once more."""
    return s.description in s.others


def id_taken(s: Subject) -> bool:
    """Another connection has the ID."""
    return not twice(s) and any(one.connection_id == s.end.connection_id for one in _rivals(s))


def port_taken(s: Subject) -> bool:
    """Another connection of the device waits at the same local port."""
    if twice(s) or not ports(s) or (tcp(s) and s.end.active):
        return False
    mine = (s.end.protocol, s.end.local_port)
    return any((one.protocol, one.local_port) == mine and not one.active for one in _rivals(s))


# -- members that a plain connection ignores --------------------------------------------------------------------------


def ignored(s: Subject) -> bool:
    """Members of TLS are set and TLS is not activated."""
    value = s.description
    if not isinstance(value, _SECURE) or value.ActivateSecureConn:
        return False
    return bool(
        value.TLSServerReqClientCert or value.ExtTLSCapabilities or value.TLSServerCertRef or value.TLSClientCertRef
    )


# -- certificates, where the device's are known -----------------------------------------------------------------------


def own_unusable(s: Subject) -> bool:
    """The own certificate is not on the device, or has no private key there."""
    if s.certificates is None or not tls(s) or not s.end.own_reference:
        return False
    return s.own is None or not s.own.has_key


def trust_unknown(s: Subject) -> bool:
    """The certificate to verify the partner with is not on the device."""
    return s.certificates is not None and s.verifies and bool(s.end.trust_reference) and s.trust is None


def nobody_trusted(s: Subject) -> bool:
    """Reference 0 trusts every CA on the device, and there is none."""
    if s.certificates is None or not s.verifies or s.end.trust_reference:
        return False
    return not any(one.is_ca for one in s.certificates.values())


def no_anchor(s: Subject) -> bool:
    """The certificate to verify with is the device's own one, which the partner cannot show."""
    one = s.trust
    return one is not None and s.verifies and not one.is_ca and one.has_key and bool(one.issuer_ids)


def chain_broken(s: Subject) -> bool:
    """The chain of a trusted certificate does not reach a self-signed root on the device."""
    return s.trust is not None and s.verifies and not no_anchor(s) and not s.trust.complete


def _own(s: Subject) -> CertificateFacts | None:
    return s.own if tls(s) and s.end.own_reference and not own_unusable(s) else None


def _anchor(s: Subject) -> CertificateFacts | None:
    return s.trust if s.verifies and s.end.trust_reference and not no_anchor(s) else None


def own_early(s: Subject) -> bool:
    """The own certificate is not valid yet."""
    one = _own(s)
    return one is not None and s.now is not None and s.now < one.not_before


def own_late(s: Subject) -> bool:
    """The own certificate has expired."""
    one = _own(s)
    return one is not None and s.now is not None and s.now > one.not_after


def trust_early(s: Subject) -> bool:
    """The certificate to verify with is not valid yet."""
    one = _anchor(s)
    return one is not None and s.now is not None and s.now < one.not_before


def trust_late(s: Subject) -> bool:
    """The certificate to verify with has expired."""
    one = _anchor(s)
    return one is not None and s.now is not None and s.now > one.not_after


def own_revoked(s: Subject) -> bool:
    """The own certificate was revoked."""
    one = _own(s)
    return one is not None and one.revoked is not None


def trust_revoked(s: Subject) -> bool:
    """The certificate to verify with was revoked."""
    one = _anchor(s)
    return one is not None and one.revoked is not None


def refusal(s: Subject) -> str:
    """Why every partner refuses the own certificate in this role; empty if nobody has to."""
    one = _own(s)
    if one is None or one.is_ca:
        return ""
    return one.refused_as_client if s.end.active else one.refused_as_server


def own_refused(s: Subject) -> bool:
    """Every partner refuses the own certificate in this role."""
    return bool(refusal(s))


def own_key(s: Subject) -> bool:
    """The firmware cannot use the own certificate's kind of key."""
    one = _own(s)
    return one is not None and one.key_type not in s.profile.key_types


def trust_key(s: Subject) -> bool:
    """The firmware cannot use the kind of key of the certificate to verify with."""
    one = _anchor(s)
    return one is not None and one.key_type not in s.profile.key_types


def own_authority(s: Subject) -> bool:
    """A certification authority as the own certificate; a self-signed one may call itself one."""
    one = _own(s)
    return one is not None and one.is_ca and bool(one.issuer_ids)
