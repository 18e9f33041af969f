"""What a check has to say."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal, TypeAlias

import attrs

from ..status import Status
from ..visible import visible

__all__ = ["Finding", "Mark", "Severity", "SideName"]

#: Where a rule comes from: stated by a source, inferred from several, or one of two statements that contradict.
Mark: TypeAlias = Literal["D", "I", "C"]

#: Which description a finding is about; empty where only one was checked, `A-B` for what only the pair shows.
SideName: TypeAlias = Literal["", "A", "B", "A-B"]


class Severity(Enum):
    """Whether a description can be used in spite of a finding."""

    ERROR = "error"
    WARNING = "warning"


@attrs.frozen(kw_only=True)
class Finding:
    """One rule that a description does not keep.

    Attributes:
        rule: The rule's name.
        message: What is wrong, one sentence without a final full stop.
        member: The member to change, as a path in the structure (`ConnPara.RemotePort`), `CONNECT` for the structure
            as a whole, or the pin of a block.
        status: The STATUS word that TCON or a compact block shows; 16#0000 where the CPU accepts what we warn of;
            None for what no CPU can see, because it takes both sides to see it.
        remedy: What to change, in TIA Portal's words.
        severity: ERROR keeps a station from using the description.
        mark: Whether the rule is documented (D), inferred (I) or one of two contradicting statements (C).
        side: Which description, in a check of two.
    """

    rule: str
    message: str
    member: str
    status: Status | None
    remedy: str
    severity: Severity = Severity.ERROR
    mark: Mark = "D"
    side: SideName = ""

    @property
    def is_error(self) -> bool:
        """Whether a station refuses the description."""
        return self.severity is Severity.ERROR

    def to_dict(self) -> dict[str, Any]:
        """For machines; `status` is text such as `16#80B7`, or None."""
        return {
            "side": self.side,
            "severity": self.severity.value,
            "status": None if self.status is None else str(self.status),
            "member": self.member,
            "message": self.message,
            "remedy": self.remedy,
            "rule": self.rule,
            "mark": self.mark,
        }

    def __str__(self) -> str:
        side = f"{self.side}: " if self.side else ""
        code = "" if self.status is None else f" (STATUS {self.status})"
        return visible(f"{self.severity.value}: {side}{self.member}: {self.message}{code}. {self.remedy}")
