"""Orders that find their engineer: by rule, from stand-by, from contractors, or nobody with the reason."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from core import clock, jobs
from core.errors import Conflict, Invalid
from core.unit import perform, reading
from dispatch import automatic
from dispatch.automatic import AssignmentRule, How
from dispatch.questions import check_placing
from people import actions as people
from people.models import Technician
from tests.dispatch.test_planning import planned
from tests.doors import Visitor
from tests.makers import HOUR, MORNING, Maker
from work import actions as work
from work.models import Visit, VisitState, WorkOrder
from work.queries import visits_of

# Nine in the morning and nine in the evening in Shanghai, on a Monday.
NINE, EVENING = MORNING + HOUR / 2, MORNING + 12 * HOUR + HOUR / 2


def rule(make: Maker, **more: Any) -> AssignmentRule:
    given = {
        "name": f"Rule {next(make.count)}",
        "kinds": [],
        "urgency": 2,
        "territories": [],
        "within_hours": 4,
        "most_added_min": 120,
        "use_standby": True,
        "use_contractors": True,
    } | more
    return perform(make.system, lambda unit: automatic.make_rule(unit, **given))


def opened(make: Maker, **more: Any) -> Visit:
    """Open an order and let the job do its work."""
    order: WorkOrder = make.order(happened_at=clock.now(), **({"priority": 1} | more))
    jobs.drain()
    with reading(make.system) as unit:
        return visits_of(unit, order.id)[0]


def decided(make: Maker) -> list[dict[str, Any]]:
    with reading(make.actor("dispatcher")) as unit:
        return automatic.assignments(unit)


def on_call(make: Maker, who: Technician, begins_at: datetime, hours: int = 12) -> None:
    perform(
        make.system,
        lambda unit: automatic.put_on_call(
            unit,
            technician_id=who.id,
            begins_at=begins_at,
            ends_at=begins_at + timedelta(hours=hours),
        ),
    )


def contractor(make: Maker, name: str, hourly: int, **more: Any) -> Technician:
    return make.technician(name, kind="contractor", hourly_cost_micro=hourly * 1_000_000, **more)


def test_an_urgent_order_goes_to_whoever_breaks_no_rule_and_adds_least(
    make: Maker, at: Any
) -> None:
    at(NINE)
    near = make.technician("Ann", home_lat=31.25, home_lng=121.5)
    make.technician("Ben", home_lat=31.25, home_lng=121.7)
    make.technician("Cid", skills=[], home_lat=31.25, home_lng=121.5)
    rule(make)
    visit = opened(make, skills=[{"code": "hydraulics", "level": 1}])
    assert (visit.technician_id, visit.state) == (near.id, VisitState.DISPATCHED)
    assert visit.arrives_at is not None
    assert NINE <= visit.arrives_at <= NINE + 4 * HOUR
    [said] = decided(make)
    assert (said["how"], said["runner_up"]) == ("own", "Ben")
    assert said["runner_up_added_min"] > said["added_min"]
    assert said["message"] == f"Ann breaks no rule and adds {said['added_min']} min."
    with reading(make.system) as unit:
        checked = check_placing(
            unit, visit_id=visit.id, technician_id=near.id, day=visit.day, starts_at=None
        )
    assert checked["fits"]


@pytest.mark.parametrize(
    ("mine", "order"),
    [
        ({"urgency": 1}, {"priority": 2}),
        ({"kinds": ["inspection"]}, {}),
        ({"active": False}, {}),
        ({"territories": ["North"]}, {}),
    ],
)
def test_a_rule_that_does_not_mean_an_order_leaves_it_alone(
    make: Maker, at: Any, mine: dict[str, Any], order: dict[str, Any]
) -> None:
    at(NINE)
    make.technician("Ann")
    perform(make.system, lambda unit: people.add_territory(unit, name="North"))
    rule(make, **mine)
    assert opened(make, **order).technician_id is None
    assert decided(make) == []


def test_the_first_rule_that_means_an_order_decides(make: Maker, at: Any) -> None:
    at(NINE)
    make.technician("Ann")
    rule(make, name="Inspections", kinds=["inspection"])
    rule(make, name="Repairs", kinds=["corrective"])
    rule(make, name="All")
    opened(make)
    assert [one["rule"] for one in decided(make)] == ["Repairs"]


def test_nobody_is_sent_for_more_than_the_rule_allows_to_add_and_the_reason_is_kept(
    make: Maker, at: Any
) -> None:
    at(NINE)
    make.technician("Ann", home_lat=31.25, home_lng=122.2)
    make.technician("Ben", skills=[])
    rule(make, most_added_min=20)
    visit = opened(make, skills=[{"code": "hydraulics", "level": 1}])
    assert (visit.technician_id, visit.day) == (None, None)
    [said] = decided(make)
    assert said["how"] == "nobody"
    assert said["message"] == "Nobody can be there in time without breaking a rule."
    found = {one["code"]: one["message"] for one in said["reasons"]}
    assert set(found) == {"too_far", "skill_missing"}
    assert found["skill_missing"] == "Ben lacks the skill hydraulics."
    assert "more than the rule allows" in found["too_far"]


def test_in_the_evening_who_is_on_call_is_sent_and_not_who_sleeps(make: Maker, at: Any) -> None:
    at(EVENING)
    make.technician("Ann")
    ben = make.technician("Ben")
    cid = make.technician("Cid", skills=[])
    on_call(make, cid, EVENING - HOUR)
    on_call(make, ben, EVENING + HOUR)
    rule(make)
    visit = opened(make, skills=[{"code": "hydraulics", "level": 1}])
    assert visit.technician_id == ben.id
    assert visit.arrives_at is not None
    # From the hour on which they are on call, and the way from home.
    assert EVENING + HOUR < visit.arrives_at < EVENING + 2 * HOUR
    [said] = decided(make)
    assert said["message"] == "Nobody on shift can be there in time; Ben is on call."
    # A second emergency at the same hour finds the one on call busy.
    assert opened(make, skills=[{"code": "hydraulics", "level": 1}]).technician_id is None


def test_a_contractor_comes_only_when_none_of_our_own_can_and_the_cheapest_first(
    make: Maker, at: Any
) -> None:
    at(NINE)
    ann = make.technician("Ann")
    contractor(make, "Dear", 900)
    cheap = contractor(make, "Cheap", 400)
    rule(make)
    assert opened(make).technician_id == ann.id
    crane = {"skills": [{"code": "crane", "level": 1}]}
    assert opened(make, **crane).technician_id is None
    craned = [{"code": "crane", "level": 1, "expires_on": None}]

    def train(unit: Any) -> None:
        for row in unit.session.query(Technician).filter(Technician.kind == "contractor"):
            row.skills = craned

    perform(make.system, train)
    assert opened(make, **crane).technician_id == cheap.id
    said = decided(make)[0]
    assert (said["how"], said["runner_up"]) == ("contractor", "Dear")


def test_a_rule_may_forbid_contractors_and_stand_by(make: Maker, at: Any) -> None:
    at(EVENING)
    ben = make.technician("Ben")
    on_call(make, ben, EVENING)
    contractor(make, "Hired", 100, shift_from="00:00", shift_to="23:59")
    rule(make, use_standby=False, use_contractors=False)
    assert opened(make).technician_id is None


def test_a_plan_takes_a_contractor_for_what_is_urgent_and_would_be_left_out_alone(
    make: Maker,
) -> None:
    ann = make.technician("Ann")
    hired = contractor(make, "Hired", 500, skills=[{"code": "crane", "level": 1}])
    usual = make.visit(order=make.order(priority=3))
    urgent = make.visit(order=make.order(priority=1, skills=[{"code": "crane", "level": 1}]))
    later = make.visit(order=make.order(priority=4, skills=[{"code": "crane", "level": 1}]))
    by_visit = {
        stop["visit_id"]: route["technician_id"]
        for route in planned(make).routes
        for stop in route["stops"]
    }
    assert by_visit[str(usual.id)] == str(ann.id)
    assert by_visit[str(urgent.id)] == str(hired.id)
    # Once they are there anyway, the rest costs only the way.
    assert by_visit.get(str(later.id)) in (None, str(hired.id))


def test_what_was_decided_is_taken_back_and_not_decided_again(make: Maker, at: Any) -> None:
    at(NINE)
    make.technician("Ann")
    ben = make.technician("Ben")
    rule(make)
    visit = opened(make)
    [said] = decided(make)
    undone = perform(make.system, lambda unit: automatic.undo(unit, said["id"]))
    assert undone.undone_at is not None
    perform(make.system, lambda unit: automatic.assign(unit, visit.order_id))
    with reading(make.system) as unit:
        row = unit.must(Visit, visit.id, "gone")
        assert (row.technician_id, row.state) == (None, VisitState.PROPOSED)
    with pytest.raises(Conflict):
        perform(make.system, lambda unit: automatic.undo(unit, said["id"]))

    other = opened(make)
    newest = decided(make)[0]
    perform(
        make.system, lambda unit: work.edit_visit(unit, other.id, technician_id=ben.id)
    ) if other.technician_id != ben.id else perform(
        make.system, lambda unit: work.edit_visit(unit, other.id, technician_id=None)
    )
    with pytest.raises(Conflict, match="elsewhere"):
        perform(make.system, lambda unit: automatic.undo(unit, newest["id"]))


def test_what_a_dispatcher_or_an_engineer_took_first_is_left_to_them(make: Maker, at: Any) -> None:
    at(NINE)
    ann = make.technician("Ann")
    make.technician("Ben")
    rule(make)
    order = make.order(priority=1)
    make.visit(ann, order=order, day=NINE.date())
    jobs.drain()
    assert decided(make) == []


def test_rubbish_is_refused_with_a_name(make: Maker, at: Any) -> None:
    with pytest.raises(Invalid):
        rule(make, kinds=["holiday"])
    with pytest.raises(Invalid):
        rule(make, territories=["Atlantis"])
    ann = make.technician("Ann")
    now = datetime(2026, 3, 2, tzinfo=UTC)
    at(now)
    with pytest.raises(Invalid):
        on_call(make, ann, now, hours=0)
    with pytest.raises(Invalid):
        on_call(make, ann, now, hours=24 * 15)
    on_call(make, ann, now)
    with pytest.raises(Conflict):
        on_call(make, ann, now + HOUR)


def test_the_doors_of_rules_roster_and_decisions(
    app: Flask, make: Maker, sign_in: Callable[..., Visitor], at: Any
) -> None:
    at(NINE)
    ann = make.technician("Ann")
    office = sign_in(make.account("dispatcher"))
    made = office.send("POST", "/v1/dispatch/assignment-rules", {"name": "Emergencies"}, status=201)
    assert made["within_hours"] == 4
    office.send("POST", "/v1/dispatch/assignment-rules", {"name": "Emergencies"}, status=409)
    office.send("POST", "/v1/dispatch/assignment-rules", {"name": "X", "urgency": 9}, status=422)
    path = f"/v1/dispatch/assignment-rules/{made['id']}"
    assert office.send("PATCH", path, {"within_hours": 6})["within_hours"] == 6
    standby = office.send(
        "POST",
        "/v1/dispatch/standby",
        {
            "technician_id": str(ann.id),
            "begins_at": NINE.isoformat(),
            "ends_at": EVENING.isoformat(),
        },
        status=201,
    )
    assert [one["id"] for one in office.get("/v1/dispatch/standby")["items"]] == [standby["id"]]
    office.send("DELETE", f"/v1/dispatch/standby/{standby['id']}", status=204)
    opened(make)
    [said] = office.get("/v1/dispatch/assignments")["items"]
    assert said["technician_id"] == str(ann.id)
    undone = office.send("PUT", f"/v1/dispatch/assignments/{said['id']}/undoing")
    assert undone["undone_at"] is not None
    hired = office.send(
        "PUT", f"/v1/technicians/{ann.id}/kind", {"kind": "contractor", "hourly_cost_micro": 5}
    )
    assert (hired["kind"], hired["hourly_cost_micro"]) == ("contractor", 5)
    assert How(said["how"]) is How.OWN


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        (NINE - 20 * HOUR, NINE - 2 * HOUR),
        (NINE + 400 * 24 * HOUR, NINE + 401 * 24 * HOUR),
        (NINE + HOUR, NINE),
    ],
)
def test_a_stand_by_that_is_over_far_away_or_backwards_is_refused(
    make: Maker, at: Any, begins: datetime, ends: datetime
) -> None:
    at(NINE)
    ann = make.technician("Ann")
    with pytest.raises(Invalid):
        perform(
            make.system,
            lambda unit: automatic.put_on_call(
                unit, technician_id=ann.id, begins_at=begins, ends_at=ends
            ),
        )


def test_two_rules_are_not_called_the_same(make: Maker) -> None:
    rule(make, name="Night")
    other = rule(make, name="Day")
    with pytest.raises(Conflict):
        perform(make.system, lambda unit: automatic.change_rule(unit, other.id, name="Night"))
    perform(make.system, lambda unit: automatic.change_rule(unit, other.id, name="Day"))
