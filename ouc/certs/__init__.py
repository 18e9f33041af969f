"""The certificate manager: IDs that last, a project with its devices, and verification that says why.

A `Project` is what TIA Portal's certificate managers are together; a `Device` is what one of its stations holds, or what
was downloaded from it, or a handful of loose files. `Device.download()` answers with a `DeviceStore`, an immutable snapshot
that gives every reference of a connection description its meaning. `verify` judges a partner's chain.
"""

from __future__ import annotations

from .device import Device
from .entry import COLUMNS, Entry, Facts, Summary, Tab
from .expiry import Expiring, Rollout, expiring, gauges, rollout
from .opening import open_device
from .project import Project
from .renewal import differences
from .snapshot import Changes, DeviceStore, OwnCertificate, Trust
from .verify import Identity, Policy, Verdict, verify

__all__ = [
    "COLUMNS",
    "Changes",
    "Device",
    "DeviceStore",
    "Entry",
    "Expiring",
    "Facts",
    "Identity",
    "OwnCertificate",
    "Policy",
    "Project",
    "Rollout",
    "Summary",
    "Tab",
    "Trust",
    "Verdict",
    "differences",
    "expiring",
    "gauges",
    "open_device",
    "rollout",
    "verify",
]
