"""What all tests share: how many cases hypothesis makes, and from which seeds.

By default each run tries the same modest number of cases, so that a failure on one machine is a failure on all.
`OUC_SOAK=1` (`python3 do.py soak`) takes new seeds and many more cases, and keeps failures in `.hypothesis` for replay.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# The tests say themselves where their plants are.
os.environ.pop("OUC_LOOPBACK", None)

# No deadlines: a test must not fail because the machine is busy.
settings.register_profile("default", derandomize=True, max_examples=50, deadline=None)
settings.register_profile(
    "soak", max_examples=2_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("soak" if os.environ.get("OUC_SOAK") == "1" else "default")
