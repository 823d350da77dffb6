"""Days with visits that stand, and moments in them, for the tests of the dispatcher's desk."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core import clock
from core.unit import reading
from people.models import Technician
from tests.makers import Maker
from work.models import Visit

SHANGHAI = ZoneInfo("Asia/Shanghai")


def a_day(ahead: int = 3) -> date:
    return clock.now().astimezone(SHANGHAI).date() + timedelta(days=ahead)


def at(hour: int, minute: int = 0, *, ahead: int = 3) -> datetime:
    day = a_day(ahead)
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=SHANGHAI).astimezone(UTC)


def standing(
    make: Maker, who: Technician, hour: int, title: str, *, ahead: int = 3, **more: Any
) -> Visit:
    """A visit of an hour that stands with somebody."""
    order = more.pop("order", None) or make.order(title=title)
    begins = at(hour, ahead=ahead)
    given = {"duration_min": 60, "arrives_at": begins, "departs_at": begins + timedelta(hours=1)}
    return make.visit(by=who, order=order, day=a_day(ahead), **(given | more))


def row(make: Maker, visit: Visit) -> Visit:
    with reading(make.system) as unit:
        return unit.must(Visit, visit.id, "gone")
