"""Usages of the create dialog: what each puts into KeyUsage, ExtendedKeyUsage and the name.

Source: certificates.md 2. Only the KeyUsage list of the OPC UA server is documented; the others are what the standards ask
for, and are no claim about TIA Portal's exact output.
"""

from __future__ import annotations

from typing import Final

import attrs
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ..errors import ParameterError

__all__ = ["TEMPLATES", "Template", "key_usage", "template"]

_SERVER: Final = ExtendedKeyUsageOID.SERVER_AUTH
_CLIENT: Final = ExtendedKeyUsageOID.CLIENT_AUTH


@attrs.frozen(kw_only=True)
class Template:
    """One usage.

    Attributes:
        name: As on the command line.
        screen: As the dialog shows it.
        service: Part of the common name `<CPU>/<service>-<ID>` (R41).
        purposes: ExtendedKeyUsage; empty for none.
        key: Default key kind.
        opc_ua: KeyUsage is the documented list of the OPC UA dialog instead of what TLS needs.
        is_ca: A certification authority.
        addresses: The device's addresses go into the subjectAltName.
        used_as: What the column `Used as` shows once a device holds the certificate.
        default_issuer: ID of the default CA that issues it when the manager chooses.
        feature: What the firmware must have for the service, a name of `ouc.profiles.FEATURES` (R18, R20).
    """

    name: str
    screen: str
    service: str
    purposes: tuple[x509.ObjectIdentifier, ...] = ()
    key: str = "ec-p256"
    opc_ua: bool = False
    is_ca: bool = False
    addresses: bool = True
    used_as: str = "SSL certificate"
    default_issuer: int = 3
    feature: str = "secure"


TEMPLATES: Final[dict[str, Template]] = {
    row.name: row
    for row in (
        Template(name="tls", screen="TLS client/server", service="TLS", purposes=(_SERVER, _CLIENT)),
        Template(name="tls-server", screen="TLS server", service="TLS", purposes=(_SERVER,)),
        Template(name="tls-client", screen="TLS client", service="TLS", purposes=(_CLIENT,), addresses=False),
        # PG/HMI communication; the application example shows "Not assigned" for it and for the web server (R40).
        Template(name="communication", screen="TLS server", service="Communication", purposes=(_SERVER,),
                 used_as="Not assigned", feature="secure_pg_hmi"),
        Template(name="web", screen="Web server", service="Webserver", purposes=(_SERVER,), used_as="Not assigned",
                 feature="web_certificates"),
        Template(name="opcua", screen="OPC UA server", service="OPCUA-1", purposes=(_SERVER,), key="rsa-2048",
                 opc_ua=True, used_as="OPC UA server", default_issuer=2, feature="opc_ua_server"),
        Template(name="opcua-client", screen="OPC UA client", service="OPCUA-Client", purposes=(_CLIENT,),
                 key="rsa-2048", opc_ua=True, used_as="OPC UA client", default_issuer=2, feature="opc_ua_client"),
        Template(name="opcua-client-server", screen="OPC UA client & server", service="OPCUA-1",
                 purposes=(_SERVER, _CLIENT), key="rsa-2048", opc_ua=True, used_as="OPC UA server", default_issuer=2,
                 feature="opc_ua_client"),
        Template(name="ca", screen="Certification authority", service="CA", is_ca=True, addresses=False,
                 used_as="Certification authority"),
    )
}  # fmt: skip

_ALIASES: Final = {"tls-client-server": "tls", "web-server": "web", "opcua-server": "opcua", "pg-hmi": "communication"}


def template(name: str) -> Template:
    """The usage called `name`.

    Raises:
        ParameterError: There is no such usage.
    """
    found = TEMPLATES.get(_ALIASES.get(name.lower(), name.lower()))
    if found is None:
        raise ParameterError(f"usage {name!r} is not known", where="usage", remedy=f"Choose among {', '.join(TEMPLATES)}")
    return found


def key_usage(row: Template, *, is_rsa: bool) -> x509.KeyUsage:
    """The KeyUsage extension of a usage.

    Args:
        row: The usage.
        is_rsa: The certificate's own key is RSA: it may encipher keys (TLS 1.2), an elliptic one may agree on them.
    """
    return x509.KeyUsage(
        digital_signature=not row.is_ca,
        content_commitment=row.opc_ua,
        key_encipherment=row.opc_ua or (is_rsa and not row.is_ca),
        data_encipherment=row.opc_ua,
        key_agreement=not (is_rsa or row.is_ca or row.opc_ua),
        key_cert_sign=row.is_ca,
        crl_sign=row.is_ca,
        encipher_only=False,
        decipher_only=False,
    )
