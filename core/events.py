"""Domain events: small, past, and made of ids. They commit with the rows they speak of."""

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened."""

    def payload(self) -> dict[str, Any]:
        """Return the event as plain JSON values: the arguments of the jobs that listen to it."""
        return {
            key: str(value) if isinstance(value, UUID) else value
            for key, value in asdict(self).items()
        }
