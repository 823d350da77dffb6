"""Engineers who are not to be had: sick, late, on leave."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from core.errors import Conflict, Invalid, NotFound
from core.ids import new_id
from core.unit import Unit
from dispatch.events import AbsenceNoted
from dispatch.lateness import away_between
from dispatch.models import Absence, AbsenceKind
from people.permissions import require
from people.queries import technician_for

LONGEST = timedelta(days=366)
FARTHEST = timedelta(days=2 * 366)


def note_absence(
    unit: Unit,
    *,
    technician_id: UUID,
    kind: str,
    begins_at: datetime | None = None,
    ends_at: datetime | None = None,
    delay_min: int | None = None,
    note: str = "",
) -> Absence:
    """Note that an engineer takes no visit from one moment to another; plans keep to it from then on.

    Without a beginning it is now. A delay counts from now, or from when what is under way was to end.
    A newer word on how late somebody is takes the place of the earlier one.
    Raises NotFound, Invalid for a time that ends before it begins, is over, far away or lasts for ever,
    and for both an end and a delay; Conflict when they are noted as away then already.
    """
    require(unit.actor, "plan.change")
    technician = technician_for(unit, technician_id)
    if ends_at is not None and delay_min is not None:
        message = "Say until when, or by how many minutes, and not both."
        raise Invalid(message, fields={"delay_min": [message]})
    begins_at, ends_at = away_between(unit, technician.id, begins_at, ends_at, delay_min)
    if ends_at <= begins_at:
        raise Invalid(
            "The absence must end after it begins.",
            fields={"ends_at": ["The absence must end after it begins."]},
        )
    if ends_at <= unit.happened_at:
        raise Invalid("This absence is over already.", fields={"ends_at": ["Over."]})
    if ends_at - begins_at > LONGEST:
        raise Invalid(
            "An absence lasts a year at most.",
            fields={"ends_at": ["An absence lasts a year at most."]},
        )
    if begins_at > unit.happened_at + FARTHEST:
        message = "An absence begins within two years."
        raise Invalid(message, fields={"begins_at": [message]})
    _make_room(unit, technician.id, begins_at, ends_at)
    absence = unit.add(
        Absence(
            id=new_id(),
            technician_id=technician.id,
            kind=AbsenceKind(kind),
            begins_at=begins_at,
            ends_at=ends_at,
            note=note,
            noted_by=unit.actor.account_id,
            created_at=unit.happened_at,
        )
    )
    unit.record(AbsenceNoted(absence.id))
    return absence


def _make_room(unit: Unit, technician_id: UUID, begins_at: datetime, ends_at: datetime) -> None:
    """Call off the delays in this time, which is known better now.

    Raises Conflict when somebody is away then already.
    """
    query = select(Absence.id, Absence.kind).where(
        Absence.technician_id == technician_id,
        Absence.called_off_at.is_(None),
        Absence.begins_at < ends_at,
        Absence.ends_at > begins_at,
    )
    for absence_id, kind in unit.session.execute(query.order_by(Absence.begins_at)).all():
        if kind is not AbsenceKind.LATE:
            raise Conflict("They are noted as away then already.", absence_id=str(absence_id))
        call_off_absence(unit, absence_id)


def call_off_absence(unit: Unit, absence_id: UUID) -> Absence:
    """Note that the engineer is there after all. Called off twice, it is called off once.

    Raises NotFound.
    """
    require(unit.actor, "plan.change")
    absence = unit.take(Absence, absence_id)
    if absence is None:
        raise NotFound("No such absence.")
    absence.called_off_at = absence.called_off_at or unit.happened_at
    return absence
