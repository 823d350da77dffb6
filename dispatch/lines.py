"""Visits as plain lines: what the planner has to know of them, read without the mapper.

For a question that looks at a whole company's day and changes nothing of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select

from assets.models import Site
from core.unit import Unit
from work.models import OrderKind, Visit, VisitState, WorkOrder


@dataclass(frozen=True, slots=True)
class SiteLine:
    """Where a visit is."""

    lat: float
    lng: float
    territory: str | None


@dataclass(frozen=True, slots=True)
class OrderLine:
    """What a visit is for."""

    site: SiteLine
    title: str
    kind: OrderKind
    customer_id: UUID
    site_id: UUID
    priority: int
    due_at: datetime | None
    skills: Sequence[Mapping[str, Any]]
    parts: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class VisitLine:
    """A visit that stands in somebody's day, as far as a plan has to know it."""

    order: OrderLine
    id: UUID
    version: int
    technician_id: UUID | None
    state: VisitState
    day: date | None
    arrives_at: datetime | None
    duration_min: int
    window_from: datetime | None
    window_to: datetime | None
    locked: bool
    start_locked: bool
    travel_started_at: datetime | None
    arrived_at: datetime | None
    work_started_at: datetime | None


# What a plan has to know of a visit, its order and its site: the columns of the lines above.
VISIT = (
    Visit.id,
    Visit.version,
    Visit.technician_id,
    Visit.state,
    Visit.day,
    Visit.arrives_at,
    Visit.duration_min,
    Visit.window_from,
    Visit.window_to,
    Visit.locked,
    Visit.start_locked,
    Visit.travel_started_at,
    Visit.arrived_at,
    Visit.work_started_at,
)
ORDER = (
    WorkOrder.title,
    WorkOrder.kind,
    WorkOrder.customer_id,
    WorkOrder.site_id,
    WorkOrder.priority,
    WorkOrder.due_at,
    WorkOrder.skills,
    WorkOrder.parts,
)
SITE = (Site.lat, Site.lng, Site.territory)


def lines(unit: Unit, *where: ColumnElement[bool]) -> Iterator[VisitLine]:
    """Return the visits for which all of this holds, in the order of their numbers."""
    query = (
        select(*VISIT, *ORDER, *SITE)
        .join(WorkOrder, (WorkOrder.org_id == Visit.org_id) & (WorkOrder.id == Visit.order_id))
        .join(Site, (Site.org_id == WorkOrder.org_id) & (Site.id == WorkOrder.site_id))
        .where(*where)
        .order_by(Visit.no)
    )
    visit, order = len(VISIT), len(VISIT) + len(ORDER)
    for row in unit.session.execute(query):
        values: Sequence[Any] = row
        of_order = OrderLine(SiteLine(*values[order:]), *values[visit:order])
        yield VisitLine(of_order, *values[:visit])
