"""Faults on purpose and by name: partners that are wrong, and a wire that is.

`FAULTS` is the table of faulty partners. `plan` makes the certificates that a fault needs, from a seed and a time and
nothing else; `serve` and `dial` carry it out on a socket.

`wire.KINDS` is the table of what can happen to the bytes between two partners. `wire.plan` makes a plan from a seed, and
`Proxy` carries it out between two sockets, `relay` between any two streams.
"""

from __future__ import annotations

from . import wire
from .plan import Plan, plan
from .proxy import Proxy, relay
from .shell import dial, serve
from .table import FAULTS, Conduct, Fault, Leaf, fault

__all__ = ["FAULTS", "Conduct", "Fault", "Leaf", "Plan", "Proxy", "dial", "fault", "plan", "relay", "serve", "wire"]
