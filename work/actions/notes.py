"""What is only ever added: comments, readings, times and photos."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from assets.models import Asset
from core import files
from core.errors import Gone, Invalid, NotFound
from core.ids import new_id
from core.unit import Saying, Unit
from people.permissions import require
from work.actions.attention import flag_stranger
from work.events import PhotoArrived
from work.models import (
    Comment,
    Photo,
    PhotoState,
    Reading,
    TimeEntry,
    TimeKind,
    Visit,
    WorkOrder,
)
from work.queries import signoff_of

# Longer is a clock that was wrong, or a time that nobody stopped: a person looks at it.
LONGEST_TIME = timedelta(days=1)


def expect_comments(unit: Unit, sayings: list[Saying]) -> None:
    """Read together what many comments need: their orders, and which of them stand already."""
    unit.expect(WorkOrder, [saying.subject for saying in sayings])
    unit.expect_new(Comment, [saying.args["id"] for saying in sayings])


def add_comment(unit: Unit, order_id: UUID, *, text: str, id: UUID | None = None) -> Comment:
    """Say something about an order, whatever its state and whoever has it now. Said twice under one id, it stands once."""
    require(unit.actor, "comment.add")
    order = unit.must(WorkOrder, order_id, "No such work order.")
    if order.deleted_at is not None:
        raise Gone("This order is not there any more.")
    if id is not None and (said := unit.get(Comment, id)) is not None:
        return said
    return unit.append(
        Comment,
        id=id,
        order_id=order.id,
        author=unit.actor.name,
        author_id=unit.actor.account_id,
        text=text,
        at=unit.happened_at,
    )


def expect_readings(unit: Unit, sayings: list[Saying]) -> None:
    """Read together what many readings need: their machines and visits, and which of them stand already."""
    unit.expect(Asset, [saying.subject for saying in sayings])
    unit.expect(Visit, [saying.args.get("visit_id") for saying in sayings])
    unit.expect_new(Reading, [saying.args["id"] for saying in sayings])


def add_reading(
    unit: Unit,
    asset_id: UUID,
    *,
    meter: str,
    value: float,
    measured_in: str,
    visit_id: UUID | None = None,
    id: UUID | None = None,
) -> Reading:
    """Note what a meter of a machine shows, in the unit it is read in. Said twice under one id, it stands once.

    Raises NotFound for a machine or a visit that is not there.
    """
    require(unit.actor, "visit.work")
    asset = unit.must(Asset, asset_id, "No such machine.")
    if id is not None and (known := unit.get(Reading, id)) is not None:
        return known
    if visit_id is not None:
        flag_stranger(unit, unit.must(Visit, visit_id, "No such visit."))
    return unit.append(
        Reading,
        id=id,
        asset_id=asset.id,
        visit_id=visit_id,
        meter=meter,
        value=value,
        unit=measured_in,
        at=unit.happened_at,
        by=unit.actor.name,
    )


def expect_times(unit: Unit, sayings: list[Saying]) -> None:
    """Read together what many time entries need: their visits, and which of them stand already."""
    unit.expect(Visit, [saying.subject for saying in sayings])
    unit.expect_new(TimeEntry, [saying.args["id"] for saying in sayings])


def add_time(
    unit: Unit,
    visit_id: UUID,
    *,
    kind: str,
    begun_at: datetime,
    ended_at: datetime,
    note: str | None = None,
    id: UUID | None = None,
) -> TimeEntry:
    """Note how long an engineer did what on a visit. Said twice under one id, it stands once.

    Raises NotFound, Invalid for a time that ends before it begins or lasts for days, or that is nobody's.
    """
    require(unit.actor, "visit.work")
    visit = unit.must(Visit, visit_id, "No such visit.")
    if id is not None and (known := unit.get(TimeEntry, id)) is not None:
        return known
    if ended_at <= begun_at:
        raise Invalid(
            "The time must end after it begins.",
            fields={"ended_at": ["The time must end after it begins."]},
        )
    if ended_at - begun_at > LONGEST_TIME:
        raise Invalid(
            "A time of more than a day cannot be one piece of work.",
            fields={"ended_at": ["A time of more than a day cannot be one piece of work."]},
        )
    technician_id = unit.actor.technician_id or visit.technician_id
    if technician_id is None:
        raise Invalid("Nobody goes on this visit yet, so it is nobody's time.")
    flag_stranger(unit, visit)
    return unit.append(
        TimeEntry,
        id=id,
        visit_id=visit.id,
        order_id=visit.order_id,
        technician_id=technician_id,
        kind=TimeKind(kind),
        begun_at=begun_at,
        ended_at=ended_at,
        note=note,
    )


def attach_photo(
    unit: Unit,
    visit_id: UUID,
    *,
    sha256: str,
    kind: str = "other",
    taken_at: datetime | None = None,
    id: UUID | None = None,
) -> Photo:
    """Note a picture of a visit; its bytes may come later, under their hash."""
    require(unit.actor, "file.keep")
    visit = unit.get(Visit, visit_id)
    if visit is None:
        raise NotFound("No such visit.")
    if id is not None and (known := unit.get(Photo, id)) is not None:
        return known
    flag_stranger(unit, visit)
    here = files.bound().has(unit.org_id, sha256)
    return unit.add(
        Photo(
            id=id or new_id(),
            order_id=visit.order_id,
            visit_id=visit.id,
            sha256=sha256,
            kind=kind,
            taken_at=taken_at or unit.happened_at,
            state=PhotoState.STORED if here else PhotoState.AWAITING,
        )
    )


def photo_arrived(unit: Unit, sha256: str) -> int:
    """Mark the pictures with these bytes as stored; return how many waited for them."""
    query = select(Photo).where(Photo.sha256 == sha256, Photo.state == PhotoState.AWAITING)
    waiting = unit.session.scalars(query.with_for_update()).all()
    for photo in waiting:
        photo.state = PhotoState.STORED
    for visit_id in {photo.visit_id for photo in waiting if photo.visit_id}:
        signoff = signoff_of(unit, visit_id)
        if signoff is not None and sha256 in signoff.manifest:
            unit.record(PhotoArrived(signoff.id))
    return len(waiting)
