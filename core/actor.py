"""Who acts: passed from the door down into every action, never looked up."""

from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from core.languages import best

# Compared with a column that may be empty, "nobody" must not equal "not given out yet".
_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, a machine of ours or the public, inside one organisation."""

    org_id: UUID
    kind: Literal["person", "system", "public"]
    account_id: UUID | None = None
    name: str = ""
    roles: frozenset[str] = frozenset()
    technician_id: UUID | None = None
    customer_id: UUID | None = None
    device_id: UUID | None = None
    device_state: str = "active"
    language: str = "en"
    request_id: str = ""

    @property
    def engineer(self) -> UUID:
        """Return whose visits are this actor's own; an id that nobody has when there are none."""
        return self.technician_id or _NOBODY

    @classmethod
    def system(cls, org_id: UUID, name: str = "system") -> "Actor":
        """Return the actor of our own jobs."""
        return cls(org_id=org_id, kind="system", name=name)

    @classmethod
    def public(cls, org_id: UUID, language: str = "en") -> "Actor":
        """Return somebody without an account, let in by a secret link."""
        return cls(org_id=org_id, kind="public", name="public", language=language)

    def with_request(self, request_id: str) -> "Actor":
        """Return the same actor, speaking in this request."""
        return replace(self, request_id=request_id)

    def speaking(self, accepted: str) -> "Actor":
        """Return the same actor, answered in the language that an Accept-Language header names.

        A header that names none of ours leaves the account's.
        """
        language = best(accepted, self.language)
        return self if language == self.language else replace(self, language=language)
