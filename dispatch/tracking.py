"""A customer's way to see when somebody comes: a link that says that, and nothing else."""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from assets.models import Asset, Site
from core import clock
from core.errors import Conflict, NotFound
from core.ids import hashed, new_id, new_secret
from core.models import Base, Identified, refers_to
from core.unit import Unit
from dispatch.arrivals import Leg, Stage, called, expected
from dispatch.engine.problem import Place
from dispatch.engine.travel import travel_matrix
from dispatch.positions import seen_on_the_way
from people import doors
from people.models import Technician
from people.permissions import require
from people.queries import organisation_of
from work.models import FINISHED, OPEN_VISIT, UNDER_WAY, Visit, VisitState, WorkOrder
from work.queries import visit_for

# Long enough to see that it was done.
SHOWN_AFTER = timedelta(hours=24)
# A visit that is put off again and again needs a new link.
LONGEST = timedelta(days=60)
# Where nothing was planned of a drive, the usual one stands in.
USUAL_DRIVE = timedelta(minutes=30)


class VisitLink(Identified, Base):
    """A link that somebody was given to see when a visit comes. Only the hash of its secret is kept."""

    __tablename__ = "visit_link"
    visit_id: Mapped[UUID] = refers_to("visit")
    secret_hash: Mapped[bytes] = mapped_column(unique=True)
    made_at: Mapped[datetime]
    made_by: Mapped[UUID | None]


def share_arrival(unit: Unit, visit_id: UUID) -> str:
    """Return the secret of a new link for the customer; those made before go on working.

    Raises NotFound, Conflict for a visit that is over.
    """
    require(unit.actor, "arrival.share")
    visit = visit_for(unit, visit_id)
    if visit.state not in OPEN_VISIT:
        raise Conflict("This visit is over.", state=visit.state.value)
    secret = new_secret("fse_")
    doors.open_door(unit, "arrival", secret)
    unit.add(
        VisitLink(
            id=new_id(),
            visit_id=visit.id,
            secret_hash=hashed(secret),
            made_at=unit.happened_at,
            made_by=unit.actor.account_id,
        )
    )
    return secret


def visit_behind(unit: Unit, secret: str) -> Visit:
    """Return the visit behind a link.

    Raises NotFound for a link that is not known, or has run out.
    """
    link = unit.session.scalar(select(VisitLink).where(VisitLink.secret_hash == hashed(secret)))
    visit = unit.get(Visit, link.visit_id) if link else None
    if link is None or visit is None or clock.now() >= _runs_out(unit, link, visit):
        raise NotFound("This link is not known.")
    return visit


def _runs_out(unit: Unit, link: VisitLink, visit: Visit) -> datetime:
    longest = link.made_at + LONGEST
    if visit.completed_at is not None:
        return min(longest, visit.completed_at + SHOWN_AFTER)
    if visit.state is VisitState.CANCELLED or visit.deleted_at is not None:
        zone = ZoneInfo(organisation_of(unit).timezone)
        last = visit.day or link.made_at.astimezone(zone).date()
        return min(longest, datetime.combine(last, time(0), zone) + SHOWN_AFTER * 2)
    return longest


def arrival_of(unit: Unit, visit: Visit, language: str) -> dict[str, Any]:
    """Return what a customer may know of a visit: how near it is, when, and whom to expect.

    `stage` is one of `Stage`; `day`, `from` and `to` are there where they are known, the moments in
    the site's own time.
    """
    order = unit.must(WorkOrder, visit.order_id, "No such work order.")
    site = unit.must(Site, order.site_id, "No such site.")
    asset = unit.get(Asset, order.asset_id) if order.asset_id else None
    technician = unit.get(Technician, visit.technician_id) if visit.technician_id else None
    zone, now = ZoneInfo(site.timezone), clock.now()
    stage = stage_of(visit)
    shown: dict[str, Any] = {
        "stage": stage.value,
        "machine": asset.public_name if asset else site.name,
        "engineer": called(technician.name, language) if technician else None,
        "day": visit.day,
        "from": None,
        "to": None,
        "late": False,
        "seen": False,
        "asked_at": now.astimezone(zone),
    }
    if stage is Stage.HERE:
        shown["from"] = _local(visit.arrived_at or visit.work_started_at, zone)
    if stage is Stage.DONE:
        shown["from"] = _local(visit.completed_at, zone)
    if stage not in (Stage.PLANNED, Stage.ON_THE_WAY):
        return shown
    if stage is Stage.PLANNED and visit.day != now.astimezone(zone).date():
        # On another day the hours that were promised or planned are all that can be told.
        first, last = visit.window_from, visit.window_to
        if first is None and last is None and visit.arrives_at is not None:
            first, last = visit.arrives_at, visit.arrives_at + timedelta(hours=2)
        return shown | {"from": _local(first, zone), "to": _local(last, zone)}
    position = seen_on_the_way(unit, visit)
    left = None
    if position is not None:
        here, there = Place(position.lat, position.lng), Place(site.lat, site.lng)
        drive = timedelta(seconds=int(travel_matrix([here, there])[0][1]))
        left = max(timedelta(0), drive - (now - position.at))
    found = expected(now, [*_before(unit, visit), leg_of(visit)], left_to_drive=left)
    if found is None:
        return shown | {
            "from": _local(visit.window_from, zone),
            "to": _local(visit.window_to, zone),
        }
    return shown | {
        "from": _local(found.earliest, zone),
        "to": _local(found.latest, zone),
        "late": found.late or (visit.window_to is not None and found.at > visit.window_to),
        "seen": left is not None,
    }


def stage_of(visit: Visit) -> Stage:
    """Return how near the engineer is."""
    if visit.state is VisitState.CANCELLED or visit.deleted_at is not None:
        return Stage.CALLED_OFF
    if visit.state in FINISHED:
        return Stage.DONE
    if visit.state is VisitState.TRAVELLING:
        return Stage.ON_THE_WAY
    if visit.state in UNDER_WAY:
        return Stage.HERE
    planned = visit.technician_id is not None and visit.day is not None
    return Stage.PLANNED if planned and visit.state is not VisitState.DECLINED else Stage.UNPLANNED


def leg_of(visit: Visit) -> Leg:
    """Return a visit as a leg of its engineer's day."""
    return Leg(
        travel=timedelta(seconds=visit.travel_s) if visit.travel_s is not None else USUAL_DRIVE,
        work=timedelta(minutes=visit.duration_min),
        planned_at=visit.arrives_at,
        set_out_at=visit.travel_started_at,
        arrived_at=visit.arrived_at,
        begun_at=visit.work_started_at,
    )


def _before(unit: Unit, visit: Visit) -> list[Leg]:
    """Return what the engineer does before: what is under way, and what is planned earlier on the day."""
    if visit.state in UNDER_WAY:
        return []
    day: date | None = visit.day
    query = select(Visit).where(
        Visit.technician_id == visit.technician_id,
        Visit.id != visit.id,
        Visit.deleted_at.is_(None),
        Visit.state.in_(OPEN_VISIT),
        (Visit.day == day) | Visit.state.in_(UNDER_WAY),
    )
    others = sorted(unit.session.scalars(query), key=_turn)
    return [leg_of(other) for other in others if _turn(other) < _turn(visit)]


def _turn(visit: Visit) -> tuple[bool, float, int, str]:
    planned = visit.arrives_at.timestamp() if visit.arrives_at else float("inf")
    return visit.state not in UNDER_WAY, planned, visit.position or 0, visit.no


def _local(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    return moment.astimezone(zone) if moment else None
