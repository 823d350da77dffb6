"""What has happened at the dispatcher's desk."""

from dataclasses import dataclass
from uuid import UUID

from core.events import Event


@dataclass(frozen=True, slots=True)
class PlanAsked(Event):
    """Somebody wants a day planned."""

    plan_id: UUID


@dataclass(frozen=True, slots=True)
class PlanPublished(Event):
    """A proposal became the plan of the day."""

    plan_id: UUID


@dataclass(frozen=True, slots=True)
class AbsenceNoted(Event):
    """Somebody is not to be had for a while."""

    absence_id: UUID
