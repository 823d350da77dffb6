"""What was planned against what happened, kept when a visit ends, and what follows from it for plans."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from core import clock
from core.ids import new_id
from core.models import Base, Identified, Tenanted, refers_to
from core.unit import Unit
from dispatch.engine.problem import Pace
from dispatch.learning import (
    USUAL,
    Observed,
    Pattern,
    learn,
    pattern_from_json,
    pattern_to_json,
    trial,
)
from people.queries import organisation_of
from work.models import FINISHED, Hold, Visit, WorkOrder

# Older than that, streets and people have changed.
LOOKED_BACK = timedelta(days=365)
MOST = 20_000
HOURS = 24


class VisitActual(Identified, Base):
    """A visit that is over: what was planned of it, and what it took.

    Times in seconds; `work_s` leaves out what the work stood still. `planned_travel_s` is the drive as
    the map has it, before anything learned was laid on it. The hours are the company's.
    """

    __tablename__ = "visit_actual"
    __audited__ = False  # worked out of rows that are
    visit_id: Mapped[UUID] = refers_to("visit")
    technician_id: Mapped[UUID] = refers_to("technician")
    kind: Mapped[str]
    ended_at: Mapped[datetime]
    planned_at: Mapped[datetime | None]
    begun_at: Mapped[datetime]
    planned_work_s: Mapped[int] = mapped_column(sa.Integer)
    work_s: Mapped[int] = mapped_column(sa.Integer)
    planned_travel_s: Mapped[int | None] = mapped_column(sa.Integer)
    travel_s: Mapped[int | None] = mapped_column(sa.Integer)
    travel_hour: Mapped[int | None] = mapped_column(sa.Integer)
    __table_args__ = (
        sa.UniqueConstraint("org_id", "visit_id"),
        sa.Index("ix_visit_actual_ended", "org_id", "ended_at"),
    )


class LearnedTimes(Tenanted, Base):
    """What an organisation has learned of its own durations and drives, as it was last worked out."""

    __tablename__ = "learned_times"
    __audited__ = False
    computed_at: Mapped[datetime]
    durations: Mapped[dict[str, Any]]
    drives: Mapped[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Learned:
    """By what plans are made: how long work takes by the order's kind, and drives by the hour."""

    durations: Pattern = field(default_factory=Pattern)
    drives: Pattern = field(default_factory=Pattern)

    def work_s(self, planned_s: int, kind: str, engineer: str | None) -> int:
        """Return how long the work will take; with the engineer where it is known who goes."""
        return self.durations.applied(planned_s, kind, engineer)

    def speed(self, engineer: str) -> float:
        """Return how fast an engineer drives, beside the others."""
        return USUAL / self.drives.engineers.get(engineer, USUAL)

    def paces(self, days: int = 1) -> tuple[Pace, ...]:
        """Return how each hour of so many days differs from what the map says; nothing where nothing is known."""
        found: list[Pace] = []
        if self.drives.n == 0:
            return ()
        for hour in range(HOURS * days):
            per_mille = self.drives.factor(str(hour % HOURS))
            if not found or found[-1].per_mille != per_mille:
                found.append(Pace(hour * 3600, per_mille))
        return tuple(found)


def learned_for(unit: Unit) -> Learned:
    """Return what the organisation has learned, as far as it was seen to help."""
    row = unit.session.scalar(select(LearnedTimes))
    if row is None:
        return Learned()
    return Learned(pattern_from_json(row.durations), pattern_from_json(row.drives))


def keep_actual(unit: Unit, visit_id: UUID) -> VisitActual | None:
    """Keep what a finished visit took beside what was planned; kept once, and None when nothing can be told."""
    known = unit.session.scalar(select(VisitActual).where(VisitActual.visit_id == visit_id))
    visit = unit.get(Visit, visit_id)
    if known is not None or visit is None or visit.state not in FINISHED:
        return known
    begun, ended = visit.work_started_at or visit.arrived_at, visit.completed_at
    order = unit.get(WorkOrder, visit.order_id)
    if visit.technician_id is None or order is None or begun is None or ended is None:
        return None
    zone = ZoneInfo(organisation_of(unit).timezone)
    drove = _seconds(visit.travel_started_at, visit.arrived_at)
    hour = visit.travel_started_at.astimezone(zone).hour if visit.travel_started_at else None
    return unit.add(
        VisitActual(
            id=new_id(),
            visit_id=visit.id,
            technician_id=visit.technician_id,
            kind=order.kind.value,
            ended_at=ended,
            planned_at=visit.arrives_at,
            begun_at=begun,
            planned_work_s=visit.duration_min * 60,
            work_s=max(0, (_seconds(begun, ended) or 0) - _stood_still(unit, visit, begun, ended)),
            planned_travel_s=_as_mapped(unit, visit, hour),
            travel_s=drove,
            travel_hour=hour,
        )
    )


def _seconds(since: datetime | None, until: datetime | None) -> int | None:
    if since is None or until is None or until < since:
        return None
    return int((until - since).total_seconds())


def _stood_still(unit: Unit, visit: Visit, begun: datetime, ended: datetime) -> int:
    holds = unit.session.scalars(select(Hold).where(Hold.visit_id == visit.id))
    spans = [(max(begun, one.begun_at), min(ended, one.ended_at or ended)) for one in holds]
    return sum(_seconds(since, until) or 0 for since, until in spans)


def _as_mapped(unit: Unit, visit: Visit, hour: int | None) -> int | None:
    """Return the drive without what was learned, or the next lesson would be about the last one."""
    if visit.travel_s is None or hour is None:
        return visit.travel_s
    factor = learned_for(unit).drives.factor(str(hour), str(visit.technician_id))
    return round(visit.travel_s * USUAL / factor)


def learn_times(unit: Unit) -> LearnedTimes:
    """Work out afresh what the last year teaches, and whether it would have helped."""
    query = (
        select(VisitActual)
        .where(VisitActual.ended_at > clock.now() - LOOKED_BACK)
        .order_by(VisitActual.ended_at.desc())
        .limit(MOST)
    )
    rows = list(reversed(unit.session.scalars(query).all()))
    work = [
        Observed(row.kind, str(row.technician_id), row.planned_work_s, row.work_s) for row in rows
    ]
    drives = [
        Observed(
            str(row.travel_hour), str(row.technician_id), row.planned_travel_s or 0, row.travel_s
        )
        for row in rows
        if row.travel_s is not None and row.travel_hour is not None
    ]
    kept = unit.session.scalar(select(LearnedTimes).with_for_update())
    if kept is None:
        kept = LearnedTimes(org_id=unit.org_id, computed_at=clock.now(), durations={}, drives={})
        unit.session.add(kept)
    kept.computed_at = clock.now()
    kept.durations = pattern_to_json(learn(work), trial(work))
    kept.drives = pattern_to_json(learn(drives), trial(drives))
    return kept
