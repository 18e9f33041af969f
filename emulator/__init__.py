"""An emulated S7 CPU that takes a real one's place in the lab and in CI."""

from __future__ import annotations

__all__ = ["DISTRIBUTION"]

# The name of this package is a common one; whoever loads a command from it can see that it is ours.
DISTRIBUTION = "ouc"
