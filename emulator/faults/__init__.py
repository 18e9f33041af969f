"""Partners with a fault: what goes wrong between controllers in the field, on purpose and by name.

`FAULTS` is the table. `plan` makes the certificates that a fault needs, from a seed and a time and nothing else; `serve`
and `dial` carry it out on a socket.
"""

from __future__ import annotations

from .plan import Plan, plan
from .shell import dial, serve
from .table import FAULTS, Conduct, Fault, Leaf, fault

__all__ = ["FAULTS", "Conduct", "Fault", "Leaf", "Plan", "dial", "fault", "plan", "serve"]
