"""What every connection description can do, whichever structure it is."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..s7 import Structure

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from ..profiles import Profile
    from .endpoints import Endpoint
    from .findings import Finding

__all__ = ["Description"]


class Description(Structure):
    """Base of the structures that stand at a CONNECT pin."""

    @cached_property
    def remembered(self) -> dict[Hashable, Any]:
        """Results worked out once per value; the value is frozen, so they stay true."""
        return {}

    @property
    def endpoint(self) -> Endpoint:
        """The description in the words that all structures share; see `ouc.params.endpoint`."""
        from .endpoints import endpoint

        return endpoint(self)

    def check(
        self, profile: Profile | str | None = None, *, own_address: IPv4Address | str | None = None
    ) -> tuple[Finding, ...]:
        """Everything that is wrong with this side; see `ouc.params.check`."""
        from .checking import check

        return check(self, profile=profile, own_address=own_address)

    def partner(self, **options: Any) -> Description:
        """The description for the other side of the connection; see `ouc.params.partner` for the options."""
        from .counterpart import partner

        return partner(self, **options)
