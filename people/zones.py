"""What day it is where a company works."""

from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from core import clock
from core.database import bound
from people.models import Organisation

_zones: dict[UUID, ZoneInfo] = {}


def today(org_id: UUID) -> date:
    """Return the day it is in the organisation's zone."""
    return clock.now().astimezone(_zone(org_id)).date()


def _zone(org_id: UUID) -> ZoneInfo:
    # Asked for every visit that is written and at every pull, and as good as never changed.
    if org_id not in _zones:
        with bound().reading() as session:
            name = session.scalar(sa.select(Organisation.timezone).where(Organisation.id == org_id))
        if name is None:
            return ZoneInfo("UTC")
        _zones[org_id] = ZoneInfo(name)
    return _zones[org_id]
