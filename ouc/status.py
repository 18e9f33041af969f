"""STATUS words: what each means, which blocks show it, why, and what to do.

One table, and nothing else decides anything here. Meanings follow the tables of the blocks in TIA Portal's information
system ("Open User Communication (S7-1200, S7-1500)") and, for the codes of TLS, its sections on secure communication,
in our own words; causes from the field are in certificates.md 9.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

__all__ = ["BLOCKS", "REASONS", "ROWS", "Status", "StatusRow", "explain", "of_block", "page", "parse"]


class Status(int):
    """A STATUS word; `str()` writes it as TIA Portal's screens do: `16#80E4`."""

    def __str__(self) -> str:
        return f"16#{int(self):04X}"

    def __repr__(self) -> str:
        return f"Status(0x{int(self):04X})"

    @property
    def is_error(self) -> bool:
        """Whether a block shows it together with ERROR = 1."""
        return self >= 0x8000


@attrs.frozen(kw_only=True)
class StatusRow:
    """What is known about one STATUS word.

    Attributes:
        code: The word.
        meaning: One sentence without a final full stop.
        blocks: Blocks in whose own table the code stands.
        causes: What it usually is, most likely first.
        remedy: What to do, in TIA Portal's words; empty where nothing needs doing.
        known: False if no source explains the code.
    """

    code: Status
    meaning: str
    blocks: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    remedy: str = ""
    known: bool = True

    @property
    def shown_by(self) -> tuple[str, ...]:
        """Every block that can show the word: those of `blocks`, and the compact blocks that pass their words through."""
        outer = (name for name, inside in BLOCKS.items() if not {name, *inside}.isdisjoint(self.blocks))
        return tuple(dict.fromkeys([*self.blocks, *outer]))


#: Blocks, and the blocks they call inside: a compact block passes every code of those through.
BLOCKS: Final[Mapping[str, tuple[str, ...]]] = {
    "TSEND_C": ("TCON", "TSEND", "TUSEND", "T_DIAG", "T_RESET", "TDISCON"),
    "TRCV_C": ("TCON", "TRCV", "TURCV", "T_DIAG", "T_RESET", "TDISCON"),
    "TCON": (),
    "TDISCON": (),
    "TSEND": (),
    "TRCV": (),
    "TUSEND": (),
    "TURCV": (),
    "T_RESET": (),
    "T_DIAG": (),
    "TCONSettings": (),
    "MB_CLIENT": ("TCON", "TSEND", "TRCV", "TDISCON"),
    "MB_SERVER": ("TCON", "TSEND", "TRCV", "TDISCON"),
    "TMAIL_C": ("TCON",),
}

_ALL = "TSEND_C TRCV_C TCON TDISCON TSEND TRCV TUSEND TURCV T_RESET T_DIAG TCONSettings MB_CLIENT MB_SERVER"
_COMPACT = "TSEND_C TRCV_C MB_CLIENT MB_SERVER"
_OPEN = "TSEND_C TRCV_C TCON"
_MOVE = "TSEND TRCV TUSEND TURCV"
_TLS = "TCON TMAIL_C"


def _row(code: int, blocks: str, meaning: str, *causes: str, remedy: str = "") -> StatusRow:
    return StatusRow(code=Status(code), meaning=meaning, blocks=tuple(blocks.split()), causes=causes, remedy=remedy)


_TABLE: Final = (
    # -- no error: where a job stands --------------------------------------------------------------------------------
    _row(0x0000, _ALL, "the job is finished: connected, sent, received or closed"),
    _row(0x0001, f"{_COMPACT} T_RESET", "the connection has just been established (shown for one call); "
         "T_RESET: there was no connection to reset"),
    _row(0x0003, _COMPACT, "the connection has just been closed (shown for one call)"),
    _row(0x7000, _ALL, "no job runs; a compact block has no connection, a receiving block is not ready to receive",
         "REQ has not risen", "CONT or EN_R is 0",
         remedy="Set CONT (or EN_R), then give REQ a rising edge"),
    _row(0x7001, _ALL, "the job has just been started (shown for one call)"),
    _row(0x7002, _ALL, "the job is running; a compact block is establishing the connection and ignores REQ and EN_R",
         "the passive side waits for its partner", "the active side tries to reach its partner",
         remedy="If it stays, look at the partner: is it in RUN, does its block run with CONT = 1, do the ports meet?"),
    _row(0x7003, _COMPACT, "the connection is being closed"),
    _row(0x7004, "TSEND_C TRCV_C MB_CLIENT", "the connection stands and is supervised; no job runs"),
    _row(0x7005, "TSEND_C MB_CLIENT MB_SERVER", "data are being sent"),
    _row(0x7006, "TRCV_C MB_CLIENT MB_SERVER", "the connection stands; waiting for data"),
    # -- parameters --------------------------------------------------------------------------------------------------
    _row(0x8081, "T_RESET", "the connection ID is not known",
         "the connection was not established, or was removed by TDISCON or STOP",
         remedy="Use the ID of a connection that TCON has established"),
    _row(0x8085, f"{_OPEN} {_MOVE}", "LEN is not possible; at TCON: the ID belongs to a configured connection",
         "LEN is above the maximum (8192 on S7-1200, 65536 on S7-1500)", "LEN and DATA are both 0",
         "LEN or DATA was changed after the first call of a receive job",
         remedy="Set LEN to 0 for the whole area, or to its size; keep LEN and DATA unchanged until DONE or ERROR"),
    _row(0x8086, f"{_OPEN} TDISCON {_MOVE} T_DIAG TCONSettings", "the connection ID is outside the permitted range",
         "ID is 0 or above 4095", remedy="Set ID to a value from 1 to 4095"),
    _row(0x8087, f"{_OPEN} TCONSettings", "no further connection is possible",
         "the maximum number of connections is reached",
         remedy="Close connections with TDISCON; see the connection resources in the CPU's properties"),
    _row(0x8088, f"TSEND_C TRCV_C {_MOVE}", "LEN does not fit DATA",
         "LEN is larger than the area at DATA", "the receive area is too small for the message",
         "LEN is not 0 and DATA has optimized access",
         remedy="Set LEN to 0 or enlarge the area at DATA"),
    _row(0x8089, f"{_OPEN} TUSEND TURCV T_DIAG TCONSettings",
         "CONNECT does not point to a connection description; TUSEND, TURCV: ADDR, T_DIAG: RESULT has a wrong type",
         "no data block", "a structure of another type",
         remedy="Let CONNECT point to a TCON_... structure in a data block"),
    _row(0x8090, "TCON TCONSettings", "the connection prepared with TCONSettings does not suit protocol or interface",
         remedy="Give the option to a connection of the protocol and interface it is made for"),
    _row(0x8091, "TSEND_C TRCV_C TCONSettings", "nesting depth exceeded; TCONSettings: invalid MODE",
         remedy="Reduce the depth of calls; set MODE to 0, 1 or 2"),
    _row(0x8092, "TCONSettings", "the value in OPTION is not allowed", remedy="See the structure at OPTION"),
    _row(0x8093, "TCONSettings", "ID must be 0 with MODE 0", remedy="Set ID to 0 before the call"),
    _row(0x809A, f"{_OPEN} TCONSettings",
         "the structure is not supported on the integrated interface, or has a wrong length",
         "TCON_FDL, TCON_ISOnative and TCON_Phone need a communication module",
         "the firmware is too old for secure descriptions (S7-1500 V2.0, S7-1200 V4.4)",
         remedy="Choose a structure that the interface supports, or update the firmware"),
    _row(0x809B, _OPEN, "InterfaceId is not valid",
         "not an interface of the CPU, a CM or a CP", "0 in a structure that does not allow it",
         "a description by name with an InterfaceId other than 0 or that of a CP", "no DNS server configured",
         remedy="Enter the hardware identifier of the interface (64 is the first PROFINET interface); 0 for "
         "descriptions by name"),
    _row(0x809C, "TCON", "InterfaceId 0 does not go with UDP multicast",
         remedy="Enter the hardware identifier of the interface"),
    # -- the connection ----------------------------------------------------------------------------------------------
    _row(0x80A1, f"{_OPEN} {_MOVE}", "the connection or the local port is in use; sending or receiving: "
         "the connection is not established, or just being closed",
         "another connection listens at the same LocalPort", "TSEND or TRCV before TCON was DONE",
         remedy="Give each passive connection its own LocalPort; send and receive after the connection stands"),
    _row(0x80A2, "TCON", "the local port is used by the system",
         "the port belongs to a service of the CPU, such as 80, 102 or 443",
         remedy="Choose a LocalPort from 2000 to 5000"),
    _row(0x80A3, f"{_OPEN} TDISCON T_DIAG TCONSettings",
         "TCON: this connection exists already; TDISCON, T_DIAG, TCONSettings: there is no such connection",
         "a second TCON with the same ID and description", "the connection was closed before",
         remedy="Call TCON once per connection; call TDISCON only for a connection that exists"),
    _row(0x80A4, f"{_OPEN} TUSEND", "the partner's address is not valid, or is the own address",
         "RemoteAddress holds the address of this CPU",
         remedy="Enter the partner's IPv4 address in RemoteAddress"),
    _row(0x80A5, "TCON", "the ID is in use already (S7-1200 below FW V4.0)", remedy="Give each connection its own ID"),
    _row(0x80A7, _OPEN, "the job was overtaken by another",
         "TDISCON before TCON was finished", "COM_RST before the send job was finished",
         remedy="Wait for DONE or ERROR before the next job"),
    _row(0x80AA, "TSEND_C TRCV_C", "another block is just establishing a connection with the same ID",
         remedy="Repeat the job with a new rising edge"),
    _row(0x80B1, f"{_MOVE} T_DIAG TCONSettings",
         "DATA (T_DIAG: RESULT, TCONSettings: OPTION) was changed during the job",
         remedy="Keep the area unchanged until DONE or ERROR"),
    _row(0x80B2, _OPEN, "CONNECT points to a data block that is stored only in load memory (S7-1200 below FW V4.0)",
         remedy="Clear 'Only store in load memory' in the properties of the data block"),
    _row(0x80B3, f"TSEND_C TRCV_C {_MOVE}", "the connection's protocol does not suit the block",
         "TSEND or TRCV on a UDP connection", "TUSEND or TURCV on a TCP connection", "ADDR is empty with UDP",
         remedy="Use TSEND and TRCV with TCP and ISO-on-TCP, TUSEND and TURCV with UDP"),
    _row(0x80B4, _OPEN, "the local transport selector breaks the rules of ISO-on-TCP",
         "no local selector", "2 bytes of which the first is not E0", 'it begins with "SIMATIC-"',
         remedy="Enter a selector that begins with E0, or an ASCII TSAP of 3 to 16 characters"),
    _row(0x80B5, _OPEN, "UDP allows only passive establishment", "ConnectionType 19 with ActiveEstablished TRUE",
         remedy="Set ActiveEstablished to FALSE on both sides"),
    _row(0x80B6, f"{_OPEN} MB_CLIENT MB_SERVER", "ConnectionType is not valid for this structure",
         remedy="Enter 11 for TCP, 12 for ISO-on-TCP, 19 for UDP"),
    _row(0x80B7, f"{_OPEN} TUSEND TURCV", "a port, an address or a length in the description is not possible",
         "port 0 where a port is needed", "RemoteAddress 0.0.0.0 on the active side",
         "a selector longer than 32 bytes", "a wrong length in TCON_Param",
         "TUSEND, TURCV: the structure at ADDR is not 8 bytes long",
         remedy="Active side: enter RemoteAddress and RemotePort. Passive side: enter LocalPort"),
    _row(0x80B8, "TCON", "the ID in the description differs from the ID of the block",
         remedy="Enter the same number at ID of the block and in the description"),
    _row(0x80BB, "MB_CLIENT MB_SERVER", "ActiveEstablished does not suit the Modbus role",
         remedy="MB_CLIENT: TRUE. MB_SERVER: FALSE"),
    _row(0x80C3, f"{_OPEN} {_MOVE} TCONSettings", "no resources",
         "no connection resource is left", "the local port is in dynamic use",
         "a block with this ID runs in another priority class",
         remedy="Close connections that are not needed; call all blocks of a connection in one priority class"),
    _row(0x80C4, f"{_OPEN} TDISCON {_MOVE} T_DIAG", "temporary: the connection cannot be established or used now",
         "a firewall is in the way", "the interface receives new parameters", "TDISCON or COM_RST is running",
         "the partner is not ready", "an R/H system synchronizes or switches over",
         remedy="Repeat the job; if it stays, check the partner and what lies between"),
    _row(0x80C5, f"{_OPEN} {_MOVE} MB_CLIENT MB_SERVER", "the partner refuses the connection or has closed it",
         "the partner's program does not run with CONT = 1", "nobody listens at RemotePort",
         "one side speaks TLS and the other does not", "the partner went to STOP",
         remedy="Check that the partner's passive block runs and that RemotePort equals its LocalPort"),
    _row(0x80C6, f"{_OPEN} TSEND TRCV TUSEND", "the partner cannot be reached (network error)",
         "cable, switch or address", "other subnet without router", "the partner is switched off",
         remedy="Check RemoteAddress, the cables and the router; ping the partner"),
    _row(0x80C7, f"TCON {_MOVE}", "the job took too long",
         "the partner does not acknowledge", "the partner does not speak TLS on this port",
         remedy="Check the partner and the load of the network; repeat the job"),
    _row(0x80C8, "TCON MB_CLIENT", "the ID is in use by a connection with other settings; MB_CLIENT: no answer in time",
         remedy="Give each connection its own ID, or call TDISCON before using an ID with new settings"),
    _row(0x80C9, "TCON TRCV TURCV", "the partner that connects is not the one in the description; "
         "TRCV, TURCV: the receive area is smaller than the data",
         "RemoteAddress or RemotePort of the passive side name another partner",
         "an address translation (NAT) lies between",
         remedy="Passive side: enter the partner's address, or 0.0.0.0 and port 0 for any partner"),
    _row(0x80CE, "TCON", "the local interface has the address 0.0.0.0",
         remedy="Give the interface an IP address"),
    _row(0x80D0, "TCON", "the partner's name is empty on the active side",
         remedy="Enter the partner's name in RemoteQDN"),
    _row(0x80D1, "TCON", "the partner's name is not fully qualified", "the dot at the end is missing",
         remedy="End RemoteQDN with a dot: plc.plant.example."),
    _row(0x80D2, "TCON", "no DNS server is configured", remedy="Enter a DNS server in the CPU's properties"),
    _row(0x80D3, "TCON TUSEND", "the partner's name could not be resolved",
         "the DNS server does not answer", "the name does not exist", "the answer holds no IPv4 address",
         remedy="Check RemoteQDN and the DNS server's entry"),
    # -- TLS and certificates ----------------------------------------------------------------------------------------
    _row(0x80E0, _TLS, "TLS: an unsuitable or damaged message was received",
         "the partner does not speak TLS on this port", "a record's check sum is wrong", "data were damaged on the way",
         remedy="Check that ActivateSecureConn is TRUE on both sides and that the ports meet"),
    _row(0x80E1, _TLS, "TLS: the handshake failed",
         "the partner did not accept our certificate and said so", "no TLS version or key exchange in common",
         "the partner's address or name is not in the subjectAltName of its certificate",
         "renegotiation was asked for, which is not supported",
         remedy="Look at the partner's STATUS, which names the reason; with ExtTLSCapabilities bit 0 put RemoteAddress "
         "(or the name) into the certificate's subjectAltName"),
    _row(0x80E2, _TLS, "TLS: a certificate is not supported, not valid or missing",
         "the clock of the module is not set (2012-01-01): the certificate is not valid yet",
         "no certificate was sent though one was asked for", "the certificate's usage does not suit its role",
         "a kind of key that this firmware does not support",
         remedy="Set the clock or activate NTP; assign a certificate made for this use and download the hardware "
         "configuration"),
    _row(0x80E3, _TLS, "TLS: the certificate was rejected", "it was revoked",
         remedy="Renew or replace the partner's certificate"),
    _row(0x80E4, _TLS, "TLS: no valid certification authority was found",
         "the CA that issued the partner's certificate is not on the device",
         "only the intermediate was assigned, not the root",
         "the trust reference names another CA",
         remedy="Add the root and every intermediate to 'Certificates of the partner devices' and download the "
         "hardware configuration"),
    _row(0x80E5, _TLS, "TLS: the certificate has expired",
         remedy="Renew the certificate (it keeps its ID) and download the hardware configuration; check the clock"),
    _row(0x80E6, _TLS, "TLS: integrity error", "a signature of the handshake does not fit its certificate",
         remedy="Check that certificate and private key of the partner belong together"),
    _row(0x80E7, _TLS, "TLS: an extension of the X.509 v3 certificate is not supported",
         "a critical extension that the device does not know", remedy="Create the certificate without that extension"),
    _row(0x80E9, _TLS, "a TLS server needs a certificate of its own", "TLSServerCertRef is 0 on the passive side",
         remedy="Assign a device certificate with private key and enter its ID in TLSServerCertRef"),
    _row(0x80EA, "TCON TUSEND TURCV", "UDP cannot be secured (DTLS is not supported)",
         "ConnectionType 19 with ActivateSecureConn TRUE", remedy="Use TCP, or set ActivateSecureConn to FALSE"),
    _row(0x80EB, "TCON", "a client cannot request a client certificate",
         "TLSServerReqClientCert is TRUE on the active side",
         remedy="Set TLSServerReqClientCert to FALSE here; it belongs to the passive side"),
    _row(0x80EC, "TCON", "a server cannot check the subjectAltName",
         "ExtTLSCapabilities bit 0 is set on the passive side",
         remedy="Set ExtTLSCapabilities to 16#0 here; bit 0 belongs to the active side"),
    _row(0x80ED, "TCON", "the ID in TLSServerCertRef is not valid",
         "the certificate is in the project but not on the device", "the references are swapped",
         "on the passive side: the certificate has no private key",
         remedy="Assign the certificate to the device, download the hardware configuration and enter its ID"),
    _row(0x80EE, "TSEND TRCV", "the TLS handshake is not finished yet",
         remedy="Wait until the connection is established"),
    # -- access to the pins ------------------------------------------------------------------------------------------
    _row(0x8722, "TSEND_C TRCV_C", "CONNECT: the area is not in the data block", remedy="Check the area at CONNECT"),
    _row(0x873A, "TSEND_C TRCV_C", "CONNECT: no access to the area", "the data block does not exist",
         remedy="Download the data block that CONNECT points to"),
    _row(0x877F, "TSEND_C TRCV_C", "CONNECT: internal error", remedy="Repeat the job"),
    _row(0x8822, "TSEND_C", "DATA (send): the area is not in the data block", remedy="Check the area at DATA"),
    _row(0x8824, "TSEND_C", "DATA (send): area error in the pointer", remedy="Check the area at DATA"),
    _row(0x8832, "TSEND_C", "DATA (send): the number of the data block is too high", remedy="Check the area at DATA"),
    _row(0x883A, "TSEND_C", "DATA (send): no access to the area", "the data block does not exist",
         remedy="Download the data block that DATA points to"),
    _row(0x887F, "TSEND_C", "DATA (send): internal error", remedy="Repeat the job"),
    _row(0x8922, "TRCV_C", "DATA (receive): the area is not in the data block", remedy="Check the area at DATA"),
    _row(0x8924, "TRCV_C", "DATA (receive): area error in the pointer", remedy="Check the area at DATA"),
    _row(0x8932, "TRCV_C", "DATA (receive): the number of the data block is too high", remedy="Check the area at DATA"),
    _row(0x893A, "TRCV_C TSEND_C", "DATA (receive): no access to the area; TSEND_C: no access to ADDR",
         "the data block does not exist or is write-protected",
         remedy="Download the data block; clear its write protection"),
    _row(0x897F, "TRCV_C", "DATA (receive): internal error", remedy="Repeat the job"),
    _row(0x8A3A, "TRCV_C", "ADDR: no access to the area", remedy="Download the data block that ADDR points to"),
    # -- Modbus ------------------------------------------------------------------------------------------------------
    _row(0x8187, "MB_CLIENT MB_SERVER", "MB_HOLD_REG is too small or of a wrong type",
         remedy="Enlarge the area at MB_HOLD_REG"),
    _row(0x8188, "MB_CLIENT MB_SERVER", "MB_MODE or another parameter is not valid",
         remedy="Check the parameters of the block"),
    *(_row(code, "MB_CLIENT MB_SERVER", "a parameter of the Modbus block is not valid",
         remedy="Check the parameters of the block")
      for code in range(0x8189, 0x818E)),
    _row(0x8200, "MB_CLIENT", "the port is busy with another request", remedy="Send one request after the other"),
    _row(0x8380, "MB_CLIENT MB_SERVER", "Modbus: a frame of wrong format or too few bytes was received"),
    _row(0x8381, "MB_CLIENT MB_SERVER", "Modbus: the function code is not supported"),
    _row(0x8382, "MB_CLIENT MB_SERVER", "Modbus: the length is not valid"),
    _row(0x8383, "MB_CLIENT MB_SERVER", "Modbus: the address is not valid"),
    _row(0x8384, "MB_CLIENT MB_SERVER", "Modbus: the value is not valid"),
    _row(0x8385, "MB_CLIENT MB_SERVER", "Modbus: the diagnosis code is not supported"),
    _row(0x8386, "MB_CLIENT", "Modbus: the function code of the answer differs from that of the request"),
    _row(0x8387, "MB_CLIENT MB_SERVER", "Modbus: the protocol ID is not 0, or the IDs differ"),
    _row(0x8388, "MB_CLIENT", "Modbus: the answer has another length than was asked for"),
    _row(0x8389, "MB_SERVER", "Modbus: the definition of the data area is not valid"),
)  # fmt: skip

#: Every STATUS word that a source explains, by its number.
ROWS: Final[Mapping[Status, StatusRow]] = {row.code: row for row in _TABLE}

#: Reasons in TDiag_StatusExt (LastConnErrReason, LastDisconnReason); no STATUS words, but asked for like them.
REASONS: Final[Mapping[int, str]] = {
    0x4F01: "the remote endpoint cannot be reached",
    0x4F02: "closed locally",
    0x4F03: "closed by the partner",
    0x4F04: "protocol error",
    0x4F05: "network trouble seen locally",
    0x4F06: "network trouble reported by the remote side",
    0x4F07: "protocol timeout",
    0x4F08: "connect to the own address",
    0x4F09: "reset by T_RESET",
    0x4F0A: "no connection resources left",
    0x4F0B: "internal: bad address parameters",
    0x4F0C: "internal CPU communication error",
    0x4F0D: "internal error between CPU and CM/CP",
    0x4F0E: "local port or T-selector already in use",
}

_WORD: Final = re.compile(r"(?:W#)?(?:16#|0X|#)?([0-9A-F]{1,4})H?\Z")


def parse(text: str) -> Status:
    """Read a STATUS word as screens, programs and people write it: `80E4`, `16#80E4`, `W#16#80E4`, `0x80e4`.

    Raises:
        ValueError: It is none; hexadecimal digits, at most four, are expected.
    """
    match = _WORD.match(text.strip().upper().replace("_", "")) if len(text) <= 32 else None
    if match is None:
        raise ValueError(f"'{''.join(filter(str.isprintable, text[:32]))}' is no STATUS word: write it like 80E4 or 16#80E4")
    return Status(int(match[1], 16))


def explain(code: int) -> StatusRow:
    """What is known about a STATUS word, also about one that no source explains.

    Args:
        code: 0 to 65535.

    Raises:
        ValueError: Not a word of 16 bits.
    """
    if not 0 <= code <= 0xFFFF:
        raise ValueError(f"{code} is no STATUS word: a word is 16#0000 to 16#FFFF")
    status = Status(code)
    if status in ROWS:
        return ROWS[status]
    if code in REASONS:
        return StatusRow(code=status, meaning=f"no STATUS: a reason of a failure that T_DIAG gives: {REASONS[code]}")
    return StatusRow(code=status, meaning=_unknown(status), remedy=_look_up(status), known=False)


def _unknown(status: Status) -> str:
    if not status.is_error:
        return "not an error; no source explains this code for the blocks of Open User Communication"
    if status >> 8 > 0x80 and status & 0xFF >= 0x20:
        return "a general error of an instruction (RET_VAL): low byte the error, high byte the parameter it is about"
    return "an error that no source explains for the blocks of Open User Communication"


def _look_up(status: Status) -> str:
    return f"Look up {status} in the help of the block that showed it" if status.is_error else ""


def of_block(name: str) -> tuple[StatusRow, ...]:
    """Every row that a block can show, those of the blocks it calls inside included; in the order of the codes.

    Raises:
        KeyError: No such block; see `BLOCKS`.
    """
    if name not in BLOCKS:
        raise KeyError(name)
    return tuple(ROWS[code] for code in sorted(ROWS) if name in ROWS[code].shown_by)


def page() -> str:
    """The reference page of the documentation."""
    lines = [
        "# STATUS words",
        "",
        "What the blocks of Open User Communication show at STATUS, why, and what to do. `ouc status 80E4` explains",
        "one, `ouc status --all` prints them all. This page is made from the table in `ouc/status.py`.",
        "",
        "The compact blocks `TSEND_C` and `TRCV_C` pass through the codes of the blocks they call inside, and stand with them.",
        "",
        "| STATUS | meaning | likely causes | remedy | blocks |",
        "| --- | --- | --- | --- | --- |",
    ]
    for code in sorted(ROWS):
        row = ROWS[code]
        cells = (f"`{code}`", row.meaning, "; ".join(row.causes), row.remedy, ", ".join(row.shown_by))
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## Reasons that T_DIAG gives", "", "| reason | meaning |", "| --- | --- |"]
    lines += [f"| `{Status(code)}` | {meaning} |" for code, meaning in REASONS.items()]
    return "\n".join([*lines, ""])
