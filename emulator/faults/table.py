"""The faults by name, one row each: which certificate the faulty PLC shows and how it behaves.

The causes are those of the field (certificates.md 9): dates, addresses, missing links of a chain, the wrong port.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal

import attrs

from ouc.errors import ParameterError

__all__ = ["FAULTS", "Conduct", "Fault", "Leaf", "Role", "fault"]

#: What the faulty PLC is: `server` is passive, `client` dials.
Role = Literal["server", "client"]


class Leaf(Enum):
    """Which certificate the PLC shows."""

    GOOD = "issued by the root, valid, for its address"
    NONE = "none at all"
    EXPIRED = "ended yesterday"
    EARLY = "begins tomorrow"
    ELSEWHERE = "for another address"
    STRANGER = "issued by a CA that the partner does not hold"
    BELOW = "issued by an intermediate that the partner does not hold, and sent without it"
    USAGE = "for the other role only (extended key usage)"
    REVOKED = "on the revocation list of its issuer"


class Conduct(Enum):
    """How the PLC behaves on the connection."""

    TLS = "speaks TLS"
    DEMAND = "speaks TLS and demands a client certificate"
    OTHER_ADDRESS = "speaks TLS and looks for another address in the partner's certificate"
    RESET = "resets the connection after the hello"
    OLD = "knows no TLS version above 1.1"
    PLAIN = "sends plain data"
    MUTE = "accepts the connection and says nothing"
    ISO = "speaks ISO-on-TCP, as on port 102"


@attrs.frozen(kw_only=True)
class Fault:
    """One fault.

    Attributes:
        name: As `fault` takes it.
        role: What the faulty PLC is.
        leaf: What it shows.
        conduct: How it behaves.
    """

    name: str
    role: Role
    leaf: Leaf = Leaf.GOOD
    conduct: Conduct = Conduct.TLS


def _both(name: str, leaf: Leaf = Leaf.GOOD, conduct: Conduct = Conduct.TLS) -> tuple[Fault, ...]:
    return tuple(Fault(name=name, role=role, leaf=leaf, conduct=conduct) for role in ("server", "client"))


FAULTS: Final = (
    *_both("expired", Leaf.EXPIRED),
    *_both("not-yet-valid", Leaf.EARLY),
    Fault(name="wrong-address", role="server", leaf=Leaf.ELSEWHERE),
    # A server never looks for its client's address; a client with bit 0 of ExtTLSCapabilities looks for ours.
    Fault(name="wrong-address", role="client", conduct=Conduct.OTHER_ADDRESS),
    *_both("unknown-ca", Leaf.STRANGER),
    *_both("missing-intermediate", Leaf.BELOW),
    Fault(name="no-client-certificate", role="server", conduct=Conduct.DEMAND),
    Fault(name="no-client-certificate", role="client", leaf=Leaf.NONE),
    *_both("wrong-usage", Leaf.USAGE),
    *_both("revoked", Leaf.REVOKED),
    *_both("reset-after-hello", conduct=Conduct.RESET),
    *_both("wrong-version", conduct=Conduct.OLD),
    *_both("plain", conduct=Conduct.PLAIN),
    *_both("mute", conduct=Conduct.MUTE),
    *_both("port-102", conduct=Conduct.ISO),
)


def fault(name: str, role: Role) -> Fault:
    """The fault of that name.

    Raises:
        ParameterError: There is none; the message lists those there are.
    """
    found = next((one for one in FAULTS if one.name == name and one.role == role), None)
    if found is None:
        names = ", ".join(one.name for one in FAULTS if one.role == role)
        raise ParameterError(f"there is no fault {name!r} of a {role}", where="fault", remedy=f"Choose one of {names}")
    return found
