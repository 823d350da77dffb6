"""Somebody's own day no longer fits into their hours: whoever else has room still takes what comes in."""

from collections.abc import Iterator

import pytest

from core.unit import perform, reading
from dispatch import actions as dispatch
from dispatch import replanning
from dispatch.models import PlanKind
from dispatch.planner import planner
from dispatch.replanning import Replan
from people.models import Technician
from tests.dispatch.standing_days import a_day, standing
from tests.makers import Maker
from work.models import Visit


@pytest.fixture(autouse=True)
def _rested() -> Iterator[None]:
    yield
    planner.close()


def overrun(make: Maker, who: Technician) -> None:
    """Give somebody more than fits: by hand, or because the morning took longer than it should have."""
    perform(make.system, lambda unit: dispatch.set_planning_rules(unit, overtime_min=0))
    for hour in (9, 11, 13, 15, 17):
        standing(make, who, hour, f"Work at {hour}", duration_min=120)


def emergency(make: Maker, visit: Visit) -> Replan:
    with reading(make.system) as unit:
        return replanning.answer(unit, PlanKind.EMERGENCY, day=a_day(), visit_id=visit.id)


def test_an_emergency_finds_room_beside_somebody_whose_day_is_too_full_already(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    overrun(make, ann)
    burst = make.visit(order=make.order(title="Burst pipe", priority=1), duration_min=120)
    plan = emergency(make, burst).plan
    assert plan.unplaced == ()
    [route] = plan.routes
    assert (route.engineer_id, [stop.visit_id for stop in route.stops]) == (
        str(ben.id),
        [str(burst.id)],
    )


def test_where_everybody_s_day_is_too_full_already_it_says_so_of_each(make: Maker) -> None:
    ann = make.technician("Ann")
    overrun(make, ann)
    burst = make.visit(order=make.order(title="Burst pipe", priority=1), duration_min=120)
    plan = emergency(make, burst).plan
    assert plan.routes == ()
    [left] = plan.unplaced
    assert [(one.engineer_id, one.code.value) for one in left.reasons] == [
        (str(ann.id), "no_time_left")
    ]
