"""What has happened to parts and stock."""

from dataclasses import dataclass
from uuid import UUID

from core.events import Event


@dataclass(frozen=True, slots=True)
class VanRanLow(Event):
    """A van holds less of a part than it should."""

    place_id: UUID
