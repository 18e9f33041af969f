"""Diagnosis of a partner: look at one connection, name what is wrong, say what to change.

Two halves. The pure one turns an `Observation` into findings (`diagnose`) and a report; the other, a thin shell on trio,
makes the observation: `ask` dials a passive partner, `wait` waits for an active one, `survey` asks more.
"""

from __future__ import annotations

from .causes import diagnose
from .observation import End, Finding, Observation, Opening, Shown
from .questions import QUESTIONS, WARNING, Answer, survey
from .report import report
from .shell import Means, ask, wait

__all__ = [
    "QUESTIONS",
    "WARNING",
    "Answer",
    "End",
    "Finding",
    "Means",
    "Observation",
    "Opening",
    "Shown",
    "ask",
    "diagnose",
    "report",
    "survey",
    "wait",
]
