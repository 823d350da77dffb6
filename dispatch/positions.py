"""Where engineers are, as far as they let us know: on shift, while a visit is under way, and not for long.

The rules stand here and not in the app: a position that may not be known is refused, never kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from core import clock
from core.errors import Conflict, Forbidden, Invalid
from core.ids import new_id
from core.models import Base, Identified, refers_to
from core.unit import Unit
from people.models import Technician
from people.permissions import require
from people.queries import organisation_of
from work.models import Visit, VisitState

# A pause is the engineer's own.
SHARED_WHILE = frozenset({VisitState.TRAVELLING, VisitState.ON_SITE, VisitState.WORKING})
# An older one says where somebody was, and that is nobody's business.
OLDEST = timedelta(minutes=10)
# A phone whose clock is off by less is believed; see docs/sync-protocol.md.
AHEAD = timedelta(minutes=5)
# As often as a map needs; what comes faster is let go.
EVERY = timedelta(seconds=10)


class PositionConsent(Identified, Base):
    """An engineer's word that their position may be shown, and when they took it back."""

    __tablename__ = "position_consent"
    technician_id: Mapped[UUID] = refers_to("technician")
    given_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    __table_args__ = (sa.UniqueConstraint("org_id", "technician_id"),)


class Position(Identified, Base):
    """Where an engineer was on the way to a visit or at it."""

    __tablename__ = "position"
    __audited__ = False  # a trail of it would outlive it
    technician_id: Mapped[UUID] = refers_to("technician")
    visit_id: Mapped[UUID] = refers_to("visit")
    at: Mapped[datetime]
    lat: Mapped[float] = mapped_column(sa.Float)
    lng: Mapped[float] = mapped_column(sa.Float)
    accuracy_m: Mapped[float | None] = mapped_column(sa.Float)
    __table_args__ = (sa.Index("ix_position_newest", "org_id", "technician_id", "at"),)


@dataclass(slots=True)
class _Setting:
    hours: int = 24


_setting = _Setting()


def configure(hours: int) -> None:
    """Say for how many hours a position is kept."""
    _setting.hours = hours


def _engineer(unit: Unit) -> Technician:
    require(unit.actor, "position.share")
    technician = unit.get(Technician, unit.actor.engineer)
    if technician is None:
        raise Forbidden("Only an engineer has a position to share.")
    return technician


def _consent(unit: Unit, technician_id: UUID, *, lock: bool = False) -> PositionConsent | None:
    query = select(PositionConsent).where(PositionConsent.technician_id == technician_id)
    # A position told and the word taken back at the same moment: one waits for the other, so that
    # none is kept after the word was taken back.
    return unit.session.scalar(query.with_for_update() if lock else query)


def sharing(unit: Unit) -> dict[str, Any]:
    """Return whether the engineer who asks shares their position, since when, and how long it is kept."""
    return _told(_consent(unit, _engineer(unit).id))


def _told(consent: PositionConsent | None) -> dict[str, Any]:
    given = consent is not None and consent.withdrawn_at is None
    return {
        "sharing": given,
        "since": consent.given_at if consent is not None and given else None,
        "kept_hours": _setting.hours,
    }


def share_position(unit: Unit) -> dict[str, Any]:
    """Let the office see where one is, from now on and until one says otherwise."""
    technician = _engineer(unit)
    consent = _consent(unit, technician.id, lock=True)
    if consent is None:
        consent = unit.add(
            PositionConsent(id=new_id(), technician_id=technician.id, given_at=unit.happened_at)
        )
    elif consent.withdrawn_at is not None:
        consent.given_at, consent.withdrawn_at = unit.happened_at, None
    return _told(consent)


def stop_sharing(unit: Unit) -> dict[str, Any]:
    """Take the consent back; what was known is forgotten at once."""
    technician = _engineer(unit)
    consent = _consent(unit, technician.id, lock=True)
    if consent is not None and consent.withdrawn_at is None:
        consent.withdrawn_at = unit.happened_at
    unit.session.execute(sa.delete(Position).where(Position.technician_id == technician.id))
    return _told(consent)


def report_position(
    unit: Unit, *, lat: float, lng: float, at: datetime, accuracy_m: float | None = None
) -> None:
    """Note where the engineer is.

    Raises Conflict, with the code that tells the app to be silent: `not_sharing` without consent,
    `off_shift` outside the shift, `no_visit` while no visit is under way. Raises Invalid for a moment
    that is neither now nor just before.
    """
    technician = _engineer(unit)
    now = clock.now()
    if not now - OLDEST <= at <= now + AHEAD:
        message = "A position is told when it is new, or not at all."
        raise Invalid(message, fields={"at": [message]})
    at = min(at, now)
    consent = _consent(unit, technician.id, lock=True)
    if consent is None or consent.withdrawn_at is not None:
        raise Conflict("You do not share your position.", code="not_sharing")
    if not on_shift(technician, at, ZoneInfo(organisation_of(unit).timezone)):
        raise Conflict("Your position is not shared outside your shift.", code="off_shift")
    visit = _under_way(unit, technician.id)
    if visit is None:
        raise Conflict("Your position is shared only while a visit is under way.", code="no_visit")
    begun = visit.travel_started_at or visit.arrived_at or visit.work_started_at or consent.given_at
    last = _last(unit, technician.id)
    if at < max(consent.given_at, begun) or (last is not None and at < last.at + EVERY):
        # Measured before it was anybody's to know, or sooner than it is of use: let go.
        return
    unit.add(
        Position(
            id=new_id(),
            technician_id=technician.id,
            visit_id=visit.id,
            at=at,
            lat=lat,
            lng=lng,
            accuracy_m=accuracy_m,
        )
    )


def on_shift(technician: Technician, moment: datetime, zone: ZoneInfo) -> bool:
    """Tell whether the engineer is at work by the clock of the company."""
    local = moment.astimezone(zone)
    return (
        local.weekday() in technician.days
        and technician.shift_from <= f"{local:%H:%M}" < technician.shift_to
    )


def _under_way(unit: Unit, technician_id: UUID) -> Visit | None:
    query = (
        select(Visit)
        .where(Visit.technician_id == technician_id, Visit.state.in_(SHARED_WHILE))
        .order_by(Visit.travel_started_at.desc())
        .limit(1)
    )
    return unit.session.scalar(query)


def _last(unit: Unit, technician_id: UUID) -> Position | None:
    query = select(Position).where(Position.technician_id == technician_id)
    return unit.session.scalar(query.order_by(Position.at.desc()).limit(1))


def positions_shown(unit: Unit) -> list[dict[str, Any]]:
    """Return the last position of everybody who may be seen now.

    Nobody is shown who has taken the consent back, whose shift is over, or whose visit is no longer
    under way.
    """
    require(unit.actor, "position.read")
    zone, now = ZoneInfo(organisation_of(unit).timezone), clock.now()
    newest = (
        select(Position.technician_id, sa.func.max(Position.at).label("at"))
        .where(Position.at > now - timedelta(hours=_setting.hours))
        .group_by(Position.technician_id)
        .subquery()
    )
    query = (
        select(Position, Technician, Visit)
        .join(
            newest,
            (Position.technician_id == newest.c.technician_id) & (Position.at == newest.c.at),
        )
        .join(Technician, _same(Technician, Position.technician_id))
        .join(Visit, _same(Visit, Position.visit_id))
        .join(
            PositionConsent,
            (PositionConsent.org_id == Position.org_id)
            & (PositionConsent.technician_id == Position.technician_id),
        )
        .where(
            PositionConsent.withdrawn_at.is_(None),
            Visit.state.in_(SHARED_WHILE),
            Visit.technician_id == Position.technician_id,
        )
        .order_by(Technician.name)
    )
    return [
        {
            "technician_id": technician.id,
            "visit_id": position.visit_id,
            "at": position.at,
            "lat": position.lat,
            "lng": position.lng,
            "accuracy_m": position.accuracy_m,
        }
        for position, technician, _ in unit.session.execute(query)
        if on_shift(technician, now, zone)
    ]


def _same(model: Any, row_id: Any) -> Any:
    return (model.org_id == Position.org_id) & (model.id == row_id)


def seen_on_the_way(unit: Unit, visit: Visit) -> Position | None:
    """Return the newest position on the way to this visit, when there is a fresh one that may be used."""
    if visit.technician_id is None or visit.state is not VisitState.TRAVELLING:
        return None
    consent = _consent(unit, visit.technician_id)
    last = _last(unit, visit.technician_id)
    if consent is None or consent.withdrawn_at is not None or last is None:
        return None
    fresh = last.visit_id == visit.id and clock.now() - last.at <= OLDEST
    return last if fresh else None


def forget_old(unit: Unit) -> int:
    """Forget what is older than the setting says; return how many."""
    limit = clock.now() - timedelta(hours=_setting.hours)
    gone: Sequence[UUID] = unit.session.scalars(
        sa.delete(Position).where(Position.at <= limit).returning(Position.id)
    ).all()
    return len(gone)
