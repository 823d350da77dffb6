"""What has happened to requests, orders and visits."""

from dataclasses import dataclass
from uuid import UUID

from core.events import Event


@dataclass(frozen=True, slots=True)
class FaultReported(Event):
    """Somebody reported a fault."""

    request_id: UUID


@dataclass(frozen=True, slots=True)
class OrderOpened(Event):
    """There is a new order."""

    order_id: UUID


@dataclass(frozen=True, slots=True)
class OrderCancelled(Event):
    """An order was called off."""

    order_id: UUID


@dataclass(frozen=True, slots=True)
class VisitChanged(Event):
    """The office changed who goes, when or where."""

    visit_id: UUID


@dataclass(frozen=True, slots=True)
class VisitDelayed(Event):
    """A technician is later with a visit than was planned."""

    visit_id: UUID


@dataclass(frozen=True, slots=True)
class VisitCompleted(Event):
    """A technician finished a visit."""

    visit_id: UUID


@dataclass(frozen=True, slots=True)
class SignedOff(Event):
    """A sign-off was sealed."""

    signoff_id: UUID


@dataclass(frozen=True, slots=True)
class PhotoArrived(Event):
    """A photo that a sealed report shows has arrived."""

    signoff_id: UUID
