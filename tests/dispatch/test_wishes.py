"""Whom customers would rather have: plans and the board keep to it."""

from typing import Any

import pytest

from core import jobs
from core.errors import Forbidden, Invalid
from core.unit import perform, reading
from dispatch import actions as dispatch
from dispatch.models import DayPlan
from dispatch.questions import candidates, check_placing
from dispatch.wishes import say_customer_wishes, say_site_wishes, wishes
from people.models import Technician
from tests.dispatch.standing_days import a_day
from tests.makers import Maker
from work.models import Visit


def planned(make: Maker) -> dict[str, str]:
    plan = perform(make.system, lambda unit: dispatch.ask_plan(unit, day=a_day(), seconds=1))
    jobs.drain()
    with reading(make.system) as unit:
        routes = unit.must(DayPlan, plan.id, "gone").routes
    return {stop["visit_id"]: route["technician_id"] for route in routes for stop in route["stops"]}


def check(make: Maker, visit: Visit, who: Technician) -> dict[str, Any]:
    with reading(make.actor("dispatcher")) as unit:
        return check_placing(unit, visit_id=visit.id, technician_id=who.id, day=a_day())


def test_whoever_is_not_wanted_does_not_come_and_whoever_is_wished_for_does(make: Maker) -> None:
    ann, ben, cid = make.technician("Ann"), make.technician("Ben"), make.technician("Cid")
    visit = make.visit(order=make.order(title="Pump"), duration_min=60)
    order = visit.order_id
    assert order
    site = make._site
    assert site is not None
    dispatcher = make.actor("dispatcher")
    perform(
        dispatcher,
        lambda unit: say_customer_wishes(unit, site.customer_id, forbidden=[ann.id]),
    )
    perform(dispatcher, lambda unit: say_site_wishes(unit, site.id, preferred=[cid.id]))
    said = check(make, visit, ann)
    assert not said["fits"]
    assert [one["code"] for one in said["violations"]] == ["forbidden"]
    said = check(make, visit, ben)
    assert said["fits"]
    assert [one["message"] for one in said["notes"]] == [
        "Pump: the customer would rather have somebody else."
    ]
    assert check(make, visit, cid)["notes"] == []
    with reading(dispatcher) as unit:
        found = candidates(unit, visit.id, day=a_day())["candidates"]
    assert {one["name"]: one["fits"] for one in found} == {"Ann": False, "Ben": True, "Cid": True}
    assert planned(make) == {str(visit.id): str(cid.id)}


def test_what_is_said_last_counts(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    site = make.site()
    for whom in ({"preferred": [ann.id], "forbidden": [ben.id]}, {"forbidden": [ann.id]}):
        perform(make.system, lambda unit, whom=whom: say_site_wishes(unit, site.id, **whom))  # type: ignore[misc]
    with reading(make.actor("dispatcher")) as unit:
        assert [(one.technician_id, one.kind) for one in wishes(unit)] == [(ann.id, "forbidden")]


def test_nobody_is_wished_for_and_unwanted_and_engineers_do_not_say(make: Maker) -> None:
    ann = make.technician("Ann")
    site = make.site()
    with pytest.raises(Invalid, match="wished for and unwanted"):
        perform(
            make.system,
            lambda unit: say_site_wishes(unit, site.id, preferred=[ann.id], forbidden=[ann.id]),
        )
    with pytest.raises(Forbidden):
        perform(make.as_technician(ann), lambda unit: say_site_wishes(unit, site.id))
