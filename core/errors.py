"""Refusals in the words of the business. A door translates each once into its own language."""

import random
from typing import Any

# Spread over this, those who were sent away together do not come back together.
AGAIN_FROM_S, AGAIN_TO_S = 2, 12


class DomainError(Exception):
    """What was asked cannot be done, and why.

    The message is an English sentence, also the key of its translation; `{names}` in it are
    filled from the details.
    """

    code = "refused"

    def __init__(self, message: str, *, code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        if code:
            self.code = code


class NotFound(DomainError):
    """There is no such thing, or none that this actor may know of."""

    code = "not_found"


class Gone(NotFound):
    """It was here and is not any more; it does not come back under this id."""

    code = "gone"


class Forbidden(DomainError):
    """The actor is known and may not."""

    code = "forbidden"


class Unauthenticated(DomainError):
    """We do not know who asks."""

    code = "unauthenticated"


class Conflict(DomainError):
    """The present state does not allow it."""

    code = "conflict"


class Invalid(DomainError):
    """The request makes no sense as it stands; `fields` names what is wrong where."""

    code = "invalid"

    def __init__(
        self, message: str, *, fields: dict[str, list[str]] | None = None, **details: Any
    ) -> None:
        super().__init__(message, **details)
        if fields:
            self.details["fields"] = fields


class TooLarge(DomainError):
    """More than the stated limit."""

    code = "too_large"


class StorageFull(DomainError):
    """There is no room for what was sent; it is to be kept where it is and sent again later."""

    code = "storage_full"


class TooMany(DomainError):
    """Too often in too short a time."""

    code = "too_many_requests"


class StaleVersion(Conflict):
    """Somebody else changed the row since it was read."""

    code = "stale_version"


class Busy(DomainError):
    """Try again in a moment."""

    code = "busy"

    @classmethod
    def soon(cls) -> "Busy":
        """Return the refusal that sends somebody away for some seconds; those sent away together do not come back together."""
        return cls(
            "We are busy just now. Please try again in a moment.",
            retry_after=random.randint(AGAIN_FROM_S, AGAIN_TO_S),  # noqa: S311 - jitter
        )
