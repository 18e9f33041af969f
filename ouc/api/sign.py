"""Signs of life on a connection that is kept up."""

from __future__ import annotations

import attrs

from .. import arguments
from ..arguments import check, instance
from ..errors import ParameterError

__all__ = ["LifeSign"]

_MESSAGE = instance("bytes", bytes)


@attrs.frozen(kw_only=True)
class LifeSign:
    """Notices a dead partner long before TCP's keep-alive does.

    Attributes:
        every: Seconds without a message of ours after which `message` is sent; 0 sends nothing.
        message: What is sent; the partner's program must know it. Needed where `every` is not 0.
        patience: Seconds without a byte from the partner after which the connection counts as lost (16#80C7); 0 waits for
            ever.
    """

    every: float = 0.0
    message: bytes = b""
    patience: float = 0.0

    def __attrs_post_init__(self) -> None:
        check("every", self.every, arguments.FINITE)
        check("patience", self.patience, arguments.FINITE)
        check("message", self.message, _MESSAGE)
        if (self.every and not self.message) or not (self.every or self.patience):
            raise ParameterError(
                "a life sign needs `every` with a message, or `patience`, in seconds", where="life_sign",
                remedy="LifeSign(every=1, message=b'...', patience=5)",
            )  # fmt: skip
