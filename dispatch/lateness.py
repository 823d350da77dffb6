"""From "half an hour late" to a moment: when somebody who is late can begin with the next visit."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from core import clock
from core.errors import Invalid
from core.unit import Unit
from work.models import UNDER_WAY, Visit


def away_between(
    unit: Unit,
    technician_id: UUID,
    begins_at: datetime | None,
    ends_at: datetime | None,
    delay_min: int | None,
) -> tuple[datetime, datetime]:
    """Return from when to when a technician takes no visit.

    A delay counts from now, or from when what is under way was to end. Raises Invalid without an end.
    """
    now = clock.now()
    since = begins_at or now
    if ends_at is not None:
        return since, ends_at
    if delay_min is None:
        raise Invalid("Say until when, or by how many minutes.", fields={"ends_at": ["Missing."]})
    return since, max(since, _busy_until(unit, technician_id, now)) + timedelta(minutes=delay_min)


def _busy_until(unit: Unit, technician_id: UUID, now: datetime) -> datetime:
    query = select(Visit.work_started_at, Visit.arrived_at, Visit.duration_min).where(
        Visit.technician_id == technician_id, Visit.state.in_(UNDER_WAY)
    )
    ends = [now]
    for started, arrived, minutes in unit.session.execute(query):
        begun = started or arrived
        if begun is not None:
            ends.append(begun + timedelta(minutes=minutes))
    return max(ends)
