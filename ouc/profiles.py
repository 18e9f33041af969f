"""What a CPU of a family and firmware offers, and what was decided where the sources are silent or disagree.

A profile is one frozen value that every room reads: the rules between members take port ranges from it, TLS its
versions and groups, the station its times. Everything that changes with the firmware is a row of one of the tables
below, with its source; a profile is made from them by looking up its family and comparing versions, so no two profiles
can drift apart. "Python" is this library talking for itself: the widest offer that no reported CPU has reset.

Sources are sections of the reference: B is ouc-blocks.md, C is certificates.md, D is the list of defaults.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Literal, TypeAlias

import attrs

from .errors import ParameterError
from .visible import visible

__all__ = ["DEFAULT", "FEATURES", "NAMES", "Profile", "TLSVersion", "page", "paused", "profile"]

TLSVersion: TypeAlias = Literal["1.2", "1.3"]
Family: TypeAlias = Literal["Python", "S7-1200", "S7-1200 G2", "S7-1500", "S7-1500R/H"]
Firmware: TypeAlias = tuple[int, int]

#: Firmware versions per family, first to last that the sources speak of (B 5, C 6.1; 4.7 and 3.1 from the editions of
#: the information system that the reference quotes).
FIRMWARE: Final[Mapping[Family, tuple[Firmware, ...]]] = {
    "S7-1200": ((4, 0), (4, 1), (4, 2), (4, 3), (4, 4), (4, 5), (4, 6), (4, 7)),
    "S7-1200 G2": ((1, 0),),
    "S7-1500": ((2, 0), (2, 1), (2, 5), (2, 6), (2, 8), (2, 9), (3, 0), (3, 1)),
    "S7-1500R/H": ((3, 0), (3, 1)),
}

_NEVER: Final[Firmware] = (99, 0)

#: Feature, first firmware per family that has it, source. A family that is not named lacks it; "Python" has them all.
FEATURES: Final[Mapping[str, tuple[Mapping[Family, Firmware], str]]] = {
    "secure": (
        {"S7-1500": (2, 0), "S7-1200": (4, 4), "S7-1200 G2": (1, 0), "S7-1500R/H": (3, 1)},
        "B 5, D; V4.3 is named for MB_CLIENT [C]",
    ),
    "tls_1_3": (
        {"S7-1500": (2, 9), "S7-1200": (4, 5), "S7-1200 G2": (1, 0), "S7-1500R/H": (3, 1)},
        "B 5, C 6.1; G2 named for PG/HMI",
    ),
    "domain_names": ({"S7-1500": (2, 0), "S7-1200": (4, 4), "S7-1200 G2": (1, 0), "S7-1500R/H": (3, 0)}, "B 1.4"),
    "interface_0_secure": (
        {"S7-1500": (2, 0), "S7-1500R/H": (3, 1)},
        "B 5: InterfaceId 0 in the SEC types; no row for S7-1200",
    ),
    "interface_0_names": (
        {"S7-1500": (2, 8), "S7-1200": (4, 4), "S7-1200 G2": (1, 0), "S7-1500R/H": (3, 0)},
        "B 1.4: earlier it is irrelevant",
    ),
    "high_ports": ({"S7-1500": (3, 0), "S7-1500R/H": (3, 0)}, "B 4.2, 5: ports 49152 to 65535"),
    "multicast": ({"S7-1500": (2, 0), "S7-1500R/H": (3, 0)}, "B 5"),
    "long_datagrams": (
        {"S7-1500": (2, 5), "S7-1200 G2": (1, 0), "S7-1500R/H": (3, 0)},
        "B 2.9, 4.1: 2048 instead of 1472 bytes",
    ),
    "datagram_names": (
        {"S7-1500": (2, 0), "S7-1500R/H": (3, 0)},
        "B 1.9: TADDR_SEND_QDN, TADDR_RCV_IP",
    ),
    "graceful_shutdown": (
        {"S7-1500": (2, 9), "S7-1200": (4, 5), "S7-1200 G2": (1, 0), "S7-1500R/H": (3, 0)},
        "B 2.2, 5; G2 [I]",
    ),
    "configured_connections": ({"S7-1500": (2, 0), "S7-1200": (4, 5), "S7-1200 G2": (1, 0)}, "B 1.7, 5; G2 [I]"),
    "tcon_param": ({"S7-1500": (2, 0)}, "B 1.8: for migration only; S7-1200 below V4.0"),
    "extended_diagnosis": ({"S7-1500": (2, 0), "S7-1500R/H": (3, 0)}, "B 1.11: TDiag_StatusExt"),
    "certificates_in_run": ({"S7-1500": (3, 1), "S7-1500R/H": (3, 1)}, "B 5, R60"),
    # Services that certificates are made for (requirements.md R18; S7-1200 secures nothing below V4.4, R20).
    "web_certificates": ({"S7-1500": (2, 0), "S7-1200": (4, 4), "S7-1200 G2": (1, 0), "S7-1500R/H": (3, 0)}, "R18, R20"),
    "opc_ua_server": ({"S7-1500": (2, 0), "S7-1200": (4, 4), "S7-1200 G2": (1, 0), "S7-1500R/H": (3, 0)}, "R18, R20"),
    "opc_ua_client": ({"S7-1500": (2, 6), "S7-1500R/H": (3, 0)}, "R18; no row names S7-1200"),
    "secure_pg_hmi": (
        {"S7-1500": (2, 9), "S7-1200": (4, 5), "S7-1200 G2": (1, 0), "S7-1500R/H": (3, 0)},
        "R18; S7-1200 as its private keys are protected (C 1.6)",
    ),
    "tcon_ends_with_error": (
        {"S7-1500": (2, 0), "S7-1200": (4, 1), "S7-1200 G2": (1, 0), "S7-1500R/H": (3, 0)},
        "B 2.1: TCON from V4.0",
    ),
}

# B 4.2 and 3.4. Two lists belong to the pages of S7-1200 and S7-1500 (an older TCON table and the Modbus page), one to
# S7-1200 G2. The ranges in them are `max_port`.
_OLDER_TABLE: Final = frozenset({20, 21, 80, 102, 135, 161, 162, 443, 34962, 34963, 34964})
_MODBUS_PAGE: Final = frozenset({20, 21, 25, 80, 102, 123, 5001, 34962, 34963, 34964})
_G2_LIST: Final = frozenset({20, 21, 25, 80, 102, 443, 5001, 34962, 34963, 34964})

_EC: Final = frozenset({"ec-p256", "ec-p384"})

#: What differs by family alone.
FAMILIES: Final[Mapping[Family, Mapping[str, Any]]] = {
    "S7-1200": {
        "max_len": 8192,  # B 4.1
        "connections": 14,  # B 4.3: OUC at most 14, 8 of them guaranteed
        "reserved_ports": _OLDER_TABLE | _MODBUS_PAGE,
        "key_types": _EC | {"rsa-1024", "rsa-2048"},  # C 6.2, FW 4.6
    },
    "S7-1200 G2": {
        "max_len": 8192,  # B 4.1 [I]
        "connections": 78,  # B 4.3: up to 78, none guaranteed
        "reserved_ports": _G2_LIST,
        "key_types": _EC | {"rsa-1024", "rsa-2048"},  # as S7-1200 [I]
    },
    "S7-1500": {
        "max_len": 65536,  # B 4.1
        "connections": 128,  # B 4.3: CPU 1516
        "reserved_ports": _OLDER_TABLE | _MODBUS_PAGE,
        "key_types": _EC | {"rsa-1024", "rsa-2048", "rsa-4096"},  # C 6.2, FW 3.0
    },
    "S7-1500R/H": {
        "max_len": 65536,  # B 4.1
        "connections": 108,  # B 4.3: CPU 1515R
        "reserved_ports": _OLDER_TABLE | _MODBUS_PAGE,
        "key_types": _EC | {"rsa-1024", "rsa-2048", "rsa-4096"},  # as S7-1500
    },
    "Python": {
        "max_len": 65536,
        "connections": 1024,
        "tickets": "late",  # ours: a partner that only writes loses nothing
        "reserved_ports": _OLDER_TABLE | _MODBUS_PAGE | _G2_LIST,
        "key_types": _EC | {"rsa-2048", "rsa-3072", "rsa-4096"},
        # Ours: what lies in memory survives a partner's reset on every operating system, what the socket holds does not.
        "receive_buffer": 262_144,
    },
}


def option(default: Any, source: str, meaning: str) -> Any:
    """A field whose value was decided by us or inferred, with where the decision is written down."""
    return attrs.field(default=default, metadata={"source": source, "meaning": meaning})


@attrs.frozen(kw_only=True, cache_hash=True)
class Profile:
    """What one CPU is and does; hashable, so results are remembered under it.

    A field without a default comes from the tables of firmware. A field with one is a decision of ours: change it with
    `attrs.evolve(profile("S7-1500 V3.1"), max_port=49151)`.

    Attributes:
        family: `S7-1500`, `S7-1500R/H`, `S7-1200`, `S7-1200 G2` or `Python`.
        firmware: Major and minor version, None for `Python`.
        features: Names from `FEATURES` that this firmware has.
        tls_versions: What TLS may agree on; empty below the first firmware with secure OUC.
        max_len: Largest LEN of TSEND and TRCV over TCP and ISO-on-TCP, bytes.
        max_len_udp: Largest datagram, bytes.
        max_port: Highest port that a program may name.
        reserved_ports: Local ports that the CPU uses itself (80A2).
        connections: OUC connections at once (8087 beyond).
        key_types: Kinds of certificate key that TLS services take: `ec-p256`, `rsa-2048` and so on.
    """

    family: Family
    firmware: Firmware | None
    features: frozenset[str]
    tls_versions: tuple[TLSVersion, ...]
    max_len: int
    max_len_udp: int
    max_port: int
    reserved_ports: frozenset[int]
    connections: int
    key_types: frozenset[str]

    groups: tuple[str, ...] = option(
        ("X25519", "P-256", "P-384"), "C 6.3",
        "key-exchange groups to offer: none that a controller was reported to reset (ML-KEM, X448, P-521)",
    )  # fmt: skip
    strict_groups: tuple[str, ...] = option(
        ("X25519", "P-256", "P-384"), "C 6.3",
        "groups an emulated server knows; in its strict habit it resets a hello that offers any other",
    )  # fmt: skip
    cipher_suites: tuple[str, ...] | None = option(
        None, "B 8.1: not found", "cipher suites, None: those of the TLS policy"
    )
    certificates: int = option(64, "B 4.4, D", "certificates on a device, CAs included")
    receive_buffer: int = option(
        8192, "B 7, D", "bytes kept per connection while EN_R is 0, then the TCP window closes; `Python` reads ahead 262144"
    )
    keep_unread: bool = option(
        default=True,
        source="B 8.10, ours",
        meaning="what a connection had received when it was lost is given to receive jobs after it is back; else dropped",
    )
    max_len_compact: int | None = option(
        None, "B 2.6 [C], D", "maximum LEN of TRCV_C; None: as TRCV, 8192: its own page"
    )
    adhoc_chunk: int | None = option(None, "B 4.1 [C]", "bytes an ad hoc job takes at most; None: LEN")
    connect_timeout: float = option(10.0, "D, ours", "seconds until a connect attempt is given up")
    handshake_timeout: float = option(15.0, "D, ours", "seconds until a TLS handshake is given up")
    retry_first: float = option(1.0, "D, ours", "seconds before the active side tries again")
    retry_max: float = option(30.0, "D, ours", "seconds that the doubling pause ends at")
    retry_forget: float = option(
        30.0, "ours", "seconds that a connection must have been established before the pauses begin with the first one again"
    )
    retry_jitter: float = option(0.2, "D, ours", "fraction by which a pause is stretched or shortened")
    keep_alive: float = option(
        30.0, "B 4.5", "seconds of silence before a TCP keep-alive probe; 0: no supervision at all"
    )
    keep_alive_interval: float = option(10.0, "D, ours", "seconds between two probes that nobody answers")
    keep_alive_probes: int = option(
        3, "D, ours", "probes without an answer until the connection is lost, also while data are on their way"
    )
    confirmation_grace: float = option(
        1.0, "C 4.3, D", "seconds a TLS 1.3 client that showed a certificate waits at most for the server to speak"
    )
    tickets: Literal["eager", "late"] = option(
        "eager", "C 6.5, ours",
        "when a TLS 1.3 server sends its session tickets: with the handshake, as the recorded CPU does, or before its own "
        "first data (`Python`), so that a partner that only writes can close without a reset",
    )  # fmt: skip
    remember_req: bool = option(
        default=True, source="B 2.5 [I], D", meaning="a REQ edge before the connection stands is kept"
    )
    accept_any_partner: bool = option(
        default=True,
        source="B 1.2 [C], D",
        meaning="RemoteAddress 0.0.0.0 on a passive side admits any partner; else 80B7",
    )
    refuse_second_partner: bool = option(
        default=True,
        source="B 8.9, D",
        meaning="a second partner on an occupied passive side is refused by RST, else ignored",
    )
    repeat_connect: bool = option(
        default=True,
        source="B 2.7 [I], D",
        meaning="with CONT = 1 a failed attempt shows its error once and is repeated",
    )
    udp_too_small: Literal["80C9", "rest", "8088"] = option(
        "80C9", "B 2.4 [C], D", "TURCV with an area smaller than the datagram: error, or the rest with the next call"
    )
    iso_too_small: Literal["8088", "80C9"] = option(
        "8088", "B 2.4 [C], D", "TRCV with an area smaller than an ISO-on-TCP message; nothing is copied"
    )
    unknown_trust_server: int = option(
        0x80ED, "D", "TLSServerCertRef as trust names a certificate that is not on the device"
    )
    unknown_trust_client: int = option(
        0x80E4, "D", "TLSClientCertRef as trust names a certificate that is not on the device"
    )
    refused_status: int = option(0x80E1, "C 4.3 [I], D", "an alert of the partner during establishment")
    stale_crl_passes: bool = option(
        default=True, source="D", meaning="a stale revocation list under 'if present' is a warning and still consulted"
    )
    interface: int = option(64, "B 1.2", "hardware identifier of the CPU's first interface")

    @property
    def name(self) -> str:
        """As `profile()` takes it: `S7-1500 V3.1`."""
        return self.family if self.firmware is None else _named(self.family, self.firmware)

    def has(self, feature: str) -> bool:
        """Whether the firmware has a feature of `FEATURES`."""
        return feature in self.features


def _named(family: Family, firmware: Firmware) -> str:
    return f"{family} V{firmware[0]}.{firmware[1]}"


_VERSIONS: Final[Mapping[str, tuple[Family, Firmware | None]]] = {
    "Python": ("Python", None),
    **{_named(family, one): (family, one) for family, versions in FIRMWARE.items() for one in versions},
}

#: Every name that `profile` knows.
NAMES: Final[tuple[str, ...]] = tuple(_VERSIONS)

_SPELLING: Final = re.compile(
    r"(?:SIMATIC )?(?:CPU )?(S7-?1[25]00(?: ?G2|R/H)?|PYTHON)(?: ?[ ,/] ?(?:FW ?)?V? ?([0-9.]{1,8}))?\Z"
)


@cache
def _profile(family: Family, firmware: Firmware | None) -> Profile:
    features = frozenset(
        name for name, (since, _) in FEATURES.items() if firmware is None or firmware >= since.get(family, _NEVER)
    )
    versions: tuple[TLSVersion, ...] = (
        ("1.2", "1.3") if "tls_1_3" in features else ("1.2",) if "secure" in features else ()
    )
    return Profile(
        family=family,
        firmware=firmware,
        features=features,
        tls_versions=versions,
        max_len_udp=2048 if "long_datagrams" in features else 1472,
        max_port=65535 if "high_ports" in features else 49151,
        **FAMILIES[family],
    )


def profile(name: str) -> Profile:
    """The profile of that name.

    Args:
        name: `S7-1500 V3.1`, `s7-1200 fw 4.5`, `Python`; a family alone is its latest firmware.

    Raises:
        ParameterError: No such profile; the message lists those there are.
    """
    match = _SPELLING.match(" ".join(name.upper().split())) if isinstance(name, str) and len(name) <= 64 else None
    if match is not None:
        family = match[1].replace("S71", "S7-1").replace("00G2", "00 G2").replace("PYTHON", "Python")
        wanted = (
            f"{family} V{match[2]}"
            if match[2]
            else next((one for one in reversed(NAMES) if _VERSIONS[one][0] == family), "")
        )
        if wanted in _VERSIONS:
            return _profile(*_VERSIONS[wanted])
    raise ParameterError(
        f"there is no profile '{visible(str(name)[:64])}'", where="profile", remedy=f"Choose one of {', '.join(NAMES)}"
    )


#: What a station is unless told otherwise.
DEFAULT: Final = profile("Python")


def paused(first: float | None, longest: float | None) -> Profile:
    """The library's profile with other pauses between attempts.

    Args:
        first: Seconds before the first attempt after a failure; None: as the profile has it, or `longest` if that is less.
        longest: Seconds that the doubling pause ends at; None: as the profile has it, or `first` if that is more.

    Raises:
        ParameterError: The first one is longer than the longest.
    """
    most = max(first or 0.0, DEFAULT.retry_max) if longest is None else longest
    least = min(DEFAULT.retry_first, most) if first is None else first
    if least > most:
        raise ParameterError(
            "the first pause is longer than the longest", where="retry_first", remedy="Give retry_max a larger number"
        )
    return attrs.evolve(DEFAULT, retry_first=least, retry_max=most)


def page() -> str:
    """The reference page of the documentation."""
    rows = [f"| {name} | {_cells(profile(name))} |" for name in NAMES]
    options = [
        f"| `{field.name}` | `{field.default}` | {field.metadata['meaning']} | {field.metadata['source']} |"
        for field in attrs.fields(Profile)
        if "meaning" in field.metadata
    ]
    features = [
        f"| `{name}` | {', '.join(_named(family, first) for family, first in since.items())} | {source} |"
        for name, (since, source) in FEATURES.items()
    ]
    return "\n".join(
        [
            "# Profiles",
            "",
            "A profile is what a CPU of a family and firmware offers. `ouc.profiles.profile(name)` gives one;",
            "`attrs.evolve` changes single fields. This page is made from the tables in `ouc/profiles.py`.",
            "In the columns for sources, B stands for the block reference, C for the one on certificates, D for the",
            "list of defaults; [I] is inferred, [C] means that the sources contradict each other.",
            "",
            "| profile | TLS | LEN | UDP | highest port | connections | keys |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            "## Features by firmware",
            "",
            "`Python` has them all.",
            "",
            "| feature | from | source |",
            "| --- | --- | --- |",
            *features,
            "",
            "## Options",
            "",
            "Where the sources are silent or disagree the profile holds an option with a recommended default.",
            "",
            "| option | default | meaning | source |",
            "| --- | --- | --- | --- |",
            *options,
            "",
        ]
    )


def _cells(one: Profile) -> str:
    versions = ", ".join(one.tls_versions) or "none"
    cells = (versions, one.max_len, one.max_len_udp, one.max_port, one.connections, ", ".join(sorted(one.key_types)))
    return " | ".join(map(str, cells))
