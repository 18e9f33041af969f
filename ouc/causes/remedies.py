"""What to do, in TIA Portal's words and, where this side is Python or the command line, in theirs.

A remedy that differs by role is a pair: for us as active end, and for us as passive end.
"""

from __future__ import annotations

from typing import Final

__all__: list[str] = []

ROUTE: Final = (
    "Check cables, IP address, subnet mask and router of both sides, and firewalls between them; is the partner switched "
    "on?"
)
FIREWALL: Final = "Look at this computer's firewall rules and routes: it sends nothing to that address"
PASSIVE_END: Final = (
    "Somebody has to listen there: the partner's connection description needs ActiveEstablished = FALSE and a LocalPort that "
    "equals our RemotePort, the PLC must be in RUN, and TRCV_C or TCON be called with CONT = 1 (REQ for TCON). Ports 102 and "
    "443 belong to other services of a CPU; OUC uses 2000 to 5000"
)
ACTIVE_END: Final = (
    "Is the PLC in RUN and is TSEND_C or TCON called with CONT = 1? Its connection description needs "
    "ActiveEstablished = TRUE, and RemoteAddress and RemotePort of this computer. Two passive ends wait for each other for ever"
)
LOCAL_PORT: Final = (
    "Set LocalPort to 0: the system then chooses a free port. A fixed LocalPort carries one connection to a partner at a time",
    "End the program that listens on this port (on Linux `ss -ltnp` names it), or choose another LocalPort (port= in Python) "
    "and enter it as RemotePort at the partner",
)
EPHEMERAL: Final = "Close connections to this partner, or wait a minute: closed ones keep their local port for a while"
SELECTORS: Final = (
    "Is the passive end occupied, or described with another partner? Compare LocalTSelector and RemoteTSelector (TSAP) of both "
    "descriptions, and RemoteAddress of the passive one"
)
LOCAL_ADDRESS: Final = (
    "Compare the station's address (address= in Python, the device's address in the project) with the addresses of this "
    "computer (`ip address`, `ipconfig`); without an address the system chooses",
    "Compare the address to listen on (host= in Python, HOST:PORT on the command line, the device's address in the project) "
    "with the addresses of this computer (`ip address`, `ipconfig`); without one all of them are used",
)
PRIVILEGED: Final = (
    "Set LocalPort to 0, or to a port from 2000 to 5000; below 1024 a program needs special rights",
    "Choose a LocalPort from 2000 to 5000 and enter it as RemotePort at the partner; below 1024 a program needs special rights",
)
DESCRIPTORS: Final = (
    "Raise the limit of open files (`ulimit -n`, LimitNOFILE= of a systemd service), or close connections"
)
SYSTEM: Final = "End programs with many open connections or files on this computer, or give it more memory"
NETWORK: Final = "Look at this computer's network settings and at its system log; try again"

ONE_PARTNER: Final = (
    "A passive end has one partner: close the other connection; enter our address (or 0.0.0.0 for any partner) in "
    "RemoteAddress, and our port or 0 in RemotePort, of the partner's connection description"
)
OTHER_PARTNER: Final = (
    "Compare RemoteAddress and RemotePort of this passive end with the partner's address and port: 0.0.0.0 stands for any "
    "address, and 0 for any port, which most active ends need because the system chooses their port"
)
OTHER_SERVICE: Final = (
    "Compare the port numbers: our RemotePort must be the LocalPort of the partner's connection description",
    "Something that is no OUC partner dials this port: compare RemoteAddress and RemotePort of whatever is configured with it",
)
PLAIN: Final = (
    "Set ActivateSecureConn to TRUE in the partner's connection description (TCON_IP_V4_SEC), or use a plain TCON_IP_v4 on "
    "both sides (plain=True in Python, --plain on the command line); compare the port numbers"
)
SECURE: Final = (
    "Set ActivateSecureConn to TRUE on this side too: leave plain=True (--plain) out and give ca= (--ca) or a project; or "
    "connect to the partner's plain port"
)
ISO: Final = (
    "Port 102 is ISO-on-TCP (S7 communication, PG/HMI), whose TLS begins inside COTP. Secure OUC needs a TCON_IP_V4_SEC with "
    "a LocalPort of its own, from 2000 to 5000; enter that port in RemotePort"
)
ECHO: Final = (
    "Compare the port numbers: an echo service sends back what it gets. If it is a PLC, exactly one of the two ends may have "
    "ActiveEstablished = TRUE"
)
GROUPS: Final = (
    "Controllers reset a hello with key-exchange groups they do not know: offer X25519, P-256 and P-384 only (no ML-KEM, X448 "
    f"or P-521), and not P-256 alone. Otherwise the end may be occupied, or expect another partner. {ONE_PARTNER}"
)
CLOSED_AFTER_HELLO: Final = f"{PLAIN}. Otherwise the end may be occupied, or expect another partner. {ONE_PARTNER}"
VERSIONS: Final = (
    "Compare the TLS versions: secure OUC needs TLS 1.2 (S7-1500 V2.0, S7-1200 V4.4) or TLS 1.3 (S7-1500 V2.9, S7-1200 V4.5); "
    "update the firmware or choose another version"
)
CONFIGURE: Final = (
    "Compare TLS versions, cipher suites and key-exchange groups of both sides (ouc probe --survey asks for each of them)",
    "Compare TLS versions, cipher suites and key-exchange groups of both sides",
)
INTERRUPTED: Final = (
    "Look at STATUS of the partner's block and into its diagnostic buffer: it knows the reason. It may have refused our "
    "certificate, or TLS version, suite or group, without saying so"
)
CLIENT_GONE: Final = (
    "Compare TLS version, groups and key types with the PLC's firmware; look into its diagnostic buffer and at STATUS of its "
    "block: it may have refused our certificate without saying so"
)
DAMAGED: Final = "Look for a device on the path that changes the bytes (a proxy, a faulty switch), and try again"
PARTNER_FAULT: Final = (
    "Look at STATUS of the partner's block and update its firmware or software; its TLS breaks the rules"
)
ENDED: Final = (
    "Look why at the partner: STOP, power off, TDISCON, a download or the end of its program ends a connection, and its "
    "diagnostic buffer tells which. Connect again; `hold` does that by itself"
)
CUT: Final = f"What the partner said last may have been cut off: compare it with what was expected. {ENDED}"
STALLED: Final = (
    "The partner began and did not go on: look at its block and its load; is a device between that holds packets back?"
)
KEY_TYPE: Final = "Create the certificate with a key that the partner's firmware supports (EC prime256v1, RSA 2048)"
NAME: Final = "Check RemoteQDN (with a dot at its end) and the DNS server, or use the partner's IP address"

CLOCK: Final = (
    "Set the clock of the PLC or of this computer (a CPU whose clock was never set says 2012-01-01), or renew the "
    "certificate"
)
RENEW: Final = (
    "Renew it in the certificate manager (Renew keeps its ID; `ouc cert renew PROJECT ID`), and download the partner's "
    "hardware configuration"
)
SAN: Final = (
    "Enter the address (or name) in the 'Subject Alternative Name (SAN)' of the certificate, renew and download it; or clear "
    "bit 0 of ExtTLSCapabilities in the client's connection description (check_address=False in Python, --no-check-address on "
    "the command line)"
)
TEMPLATE: Final = "Create the certificate with the usage 'TLS client/server'"
SHOW_OWN: Final = (
    "Enter the ID of an own certificate with private key in TLSClientCertRef (cert= and key=, or own=, in Python; --cert and "
    "--key, or --own ID, on the command line), and import its CA at the PLC; or clear TLSServerReqClientCert in the PLC's "
    "connection description"
)
PARTNER_SHOWS: Final = (
    "Enter the ID of a certificate of the PLC, with its private key, in TLSClientCertRef of its connection description (0 "
    "sends none); or do not ask for one: clear TLSServerReqClientCert on this side (no ca= in Python, no --ca)"
)
PARTNER_IMPORT: Final = (
    "At the PLC: import the CA of our certificate under 'Trusted certificates and root certification authorities', assign it "
    "and every intermediate to the PLC as partner certificate, download, and enter its ID in the trust reference of its "
    "connection description"
)
NEW_OWN: Final = "Create a new certificate and enter its ID, or import a current revocation list at the PLC"

TRUST_CA: Final = (
    "Import the CA '{issuer}' under 'Trusted certificates and root certification authorities', assign it to the device as "
    "partner certificate ('Certificates of partner devices'), with its root if it is an intermediate, download; its ID goes "
    "into {field}. Here that is ca= in Python, --ca FILE on the command line, or `ouc cert import PROJECT FILE --as ca "
    "--device NAME` and --trust ID"
)
TRUST_IT: Final = (
    "Import this certificate under 'Trusted certificates and root certification authorities', assign it to the device as "
    "partner certificate, download; its ID goes into {field}. Here that is ca= in Python, --ca FILE on the command line, or "
    "`ouc cert import PROJECT FILE --as trusted --device NAME` and --trust ID. Compare the fingerprint at the PLC first"
)
TRUST_AGAIN: Final = (
    "It was created again, or belongs to somebody else: compare the fingerprint {fingerprint} with the PLC's, then replace the "
    "old one by it (import it, assign it, its ID goes into {field}; ca= in Python, --ca FILE on the command line, or "
    "`ouc cert import PROJECT FILE --as trusted --device NAME` and --trust ID)"
)
ASSIGN: Final = (
    "Assign certificate {id} to the device as partner certificate ('Certificates of partner devices') beside its root, and "
    "download: `ouc cert assign PROJECT {id} DEVICE`. A PLC sends its own certificate only, so every intermediate must be on "
    "both devices. Without a project give the intermediate with ca= in Python, --ca FILE on the command line"
)
OTHER_REFERENCE: Final = (
    "Enter the ID of the CA that issued the partner's certificate in {field} (trust= in Python, --trust ID on the "
    "command line)"
)
CURRENT_CRL: Final = (
    "Import the issuer's current revocation list (`ouc cert crl PROJECT ID --import FILE`, or ca= and --ca with a .crl "
    "file), or set the device's policy to 'if present'"
)
NEW_CERTIFICATE: Final = "Give the partner a new certificate: a revoked one never becomes good again"
DAMAGED_CERTIFICATE: Final = "The certificate is damaged or forged; replace it, and look who answers at that address"
REISSUE: Final = (
    "Create the certificate again, issued by a CA that may issue certificates (Basic Constraints, key usage)"
)
REPLACE: Final = "Create the certificate again in the certificate manager, with a key and names that the rules allow"

#: For a failure that comes from below with a STATUS and no remedy of its own.
BY_STATUS: Final = {0x80C5: INTERRUPTED, 0x80C7: STALLED, 0x80E0: PARTNER_FAULT, 0x80E1: CONFIGURE[1], 0x80E2: REPLACE}
