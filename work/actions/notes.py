"""What is only ever added: comments, readings, times and photos."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from assets.models import Asset
from core import clock, files
from core.errors import Gone, Invalid, NotFound
from core.ids import new_id
from core.unit import Saying, Unit
from people.permissions import require
from work.actions.attention import flag_doubt, flag_stranger
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
# Further back or ahead than this no piece of work is believed without a person's look.
OLDEST_TIME = timedelta(days=366)
NEWEST_TIME = timedelta(hours=1)
# Meters in these units count up; others, such as bar or °C, go up and down.
COUNTING = frozenset(
    {"h", "hr", "hrs", "hours", "km", "mi", "cycles", "starts", "小时", "公里", "次"}
)


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
    for meter in {
        saying.args["meter"] for saying in sayings if _counts(saying.args["measured_in"])
    }:
        machines = {saying.subject for saying in sayings if saying.args["meter"] == meter}
        _last_shown(unit, meter, machines)


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

    One that counts up and shows less than before was exchanged or misread: it stands, and a person looks.

    Raises NotFound for a machine or a visit that is not there.
    """
    require(unit.actor, "visit.work")
    asset = unit.must(Asset, asset_id, "No such machine.")
    if id is not None and (known := unit.get(Reading, id)) is not None:
        return known
    if visit_id is not None:
        flag_stranger(unit, unit.must(Visit, visit_id, "No such visit."))
    if _counts(measured_in):
        _flag_fall(unit, asset.id, meter, value, measured_in)
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


def _counts(measured_in: str) -> bool:
    return measured_in.strip().lower() in COUNTING


class _Shown(NamedTuple):
    value: float
    measured_in: str
    at: datetime


def _flag_fall(unit: Unit, asset_id: UUID, meter: str, value: float, measured_in: str) -> None:
    shown = _last_shown(unit, meter, {asset_id})
    last = shown.get(asset_id)
    if last is not None and last.at > unit.happened_at:
        return
    shown[asset_id] = _Shown(value, measured_in, unit.happened_at)
    if last is not None and last.measured_in == measured_in and value < last.value:
        flag_doubt(
            unit,
            "The meter shows less than the last time; it was exchanged, or misread.",
            entity="asset",
            entity_id=asset_id,
            office_value={"meter": meter, "value": last.value, "unit": measured_in},
            phone_value={"meter": meter, "value": value, "unit": measured_in},
        )


def _last_shown(unit: Unit, meter: str, asset_ids: set[UUID]) -> dict[UUID, "_Shown | None"]:
    """Return what a meter of these machines showed last, what was said in this unit included."""
    meters: dict[str, dict[UUID, _Shown | None]] = unit.session.info.setdefault("meters", {})
    shown = meters.setdefault(meter, {})
    if unknown := sorted(asset_ids - shown.keys()):
        newest = (
            select(Reading.id)
            .where(
                Reading.org_id == Asset.org_id, Reading.asset_id == Asset.id, Reading.meter == meter
            )
            .order_by(Reading.at.desc())
            .limit(1)
            .correlate(Asset)
            .scalar_subquery()
        )
        query = select(Reading.asset_id, Reading.value, Reading.unit, Reading.at).where(
            Reading.id.in_(select(newest).where(Asset.id.in_(unknown)))
        )
        shown.update(dict.fromkeys(unknown))
        for asset_id, value, measured_in, at in unit.session.execute(query):
            shown[asset_id] = _Shown(value, measured_in, at)
    return shown


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
    if begun_at < clock.now() - OLDEST_TIME or ended_at > clock.now() + NEWEST_TIME:
        flag_doubt(
            unit,
            "This time lies far from today; the clock it was read from may have been wrong.",
            entity="visit",
            entity_id=visit.id,
            phone_value={"begun_at": begun_at.isoformat(), "ended_at": ended_at.isoformat()},
        )
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
