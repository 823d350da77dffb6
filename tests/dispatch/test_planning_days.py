"""Plans over several days, what-ifs, and large days in parts."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core import clock, jobs
from core.errors import Invalid
from core.settings import Router
from core.unit import perform, reading
from dispatch import actions as dispatch
from dispatch.days import Day
from dispatch.models import DayPlan, PlanKind, PlanState
from dispatch.queries import plan_view
from dispatch.travel import roads
from tests.dispatch.services import Answer, serving
from tests.dispatch.standing_days import a_day, at, row, standing
from tests.makers import Maker
from work import actions as work
from work.models import VisitState


def planned(make: Maker, **more: Any) -> DayPlan:
    asked = {"day": a_day(), "seconds": 1} | more
    plan = perform(make.system, lambda unit: dispatch.ask_plan(unit, **asked))
    jobs.drain()
    with reading(make.system) as unit:
        found = unit.must(DayPlan, plan.id, "gone")
    assert found.state is PlanState.PROPOSED, found.message
    return found


def placed(plan: DayPlan) -> dict[str, tuple[str, str]]:
    """Return with whom and on which day the plan has each visit."""
    return {
        stop["visit_id"]: (route["technician_id"], route["day"])
        for route in plan.routes
        for stop in route["stops"]
    }


def test_what_does_not_fit_into_one_day_goes_to_the_next_and_is_published_there(
    make: Maker,
) -> None:
    ann = make.technician(shift_from="08:00", shift_to="12:00")
    visits = [make.visit(duration_min=150) for _ in range(3)]
    plan = planned(make, days=3)
    assert sorted(day for _, day in placed(plan).values()) == [str(a_day(n)) for n in (3, 4, 5)]
    perform(make.system, lambda unit: dispatch.publish_plan(unit, plan.id))
    published = [row(make, visit) for visit in visits]
    assert {visit.day for visit in published} == {a_day(3), a_day(4), a_day(5)}
    assert {visit.technician_id for visit in published} == {ann.id}
    for visit in published:
        assert visit.arrives_at is not None
        assert visit.arrives_at.astimezone(ZoneInfo("Asia/Shanghai")).date() == visit.day


def test_a_visit_moves_between_days_only_inside_its_window(make: Maker) -> None:
    make.technician()
    promised = make.visit(window_from=at(9, ahead=4), window_to=at(11, ahead=4))
    later = make.visit(window_from=at(9, ahead=9), window_to=at(11, ahead=9))
    plan = planned(make, days=3)
    assert placed(plan)[str(promised.id)][1] == str(a_day(4))
    assert str(later.id) not in plan.seen


def test_the_parts_of_one_van_are_not_used_on_two_days(make: Maker) -> None:
    ann = make.technician(shift_from="08:00", shift_to="12:00")
    seal = make.part()
    make.stock(ann.van_place_id, seal, 1)
    needs = [{"part_id": seal.id, "qty": 1}]
    for _ in range(2):
        make.visit(order=make.order(parts=needs), duration_min=150)
    make.visit(duration_min=150)
    plan = planned(make, days=2)
    assert len(placed(plan)) == 2
    assert [reason["code"] for left in plan.unplaced for reason in left["reasons"]] == [
        "part_missing"
    ]


def test_who_is_near_does_not_use_one_seal_on_three_days_while_many_vans_have_one(
    make: Maker,
) -> None:
    # The dearer it is to send one more, the oftener the plan comes back to those before.
    vans = [make.technician(home_lat=31.25 + 0.04 * number, home_lng=121.5) for number in range(9)]
    seal = make.part()
    for van in vans:
        make.stock(van.van_place_id, seal, 1)
    needs = [{"part_id": seal.id, "qty": 1}]
    for _ in vans:
        make.visit(order=make.order(parts=needs), duration_min=60)
    hands = [who for who, _ in placed(planned(make, days=3)).values()]
    assert len(hands) == len(set(hands)), "a seal was used twice"
    assert len(hands) >= 8, "seals stay in their vans, and visits wait"


@pytest.mark.parametrize("days", [1, 2])
def test_work_that_is_under_way_without_the_part_it_needs_keeps_nobody_from_planning(
    make: Maker, days: int
) -> None:
    ann, today = make.technician(), a_day(0)
    seal = make.part()
    order = make.order(parts=[{"part_id": seal.id, "qty": 1}])
    begun = clock.now() - timedelta(minutes=10)
    make.visit(ann, order=order, day=today, state=VisitState.WORKING, work_started_at=begun)
    plan = planned(make, day=today, days=days)
    assert plan.state is PlanState.PROPOSED


def test_for_chosen_technicians_the_visits_of_others_stay_where_they_are(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    bens = standing(make, ben, 9, "Pump")
    loose = make.visit(duration_min=60)
    plan = planned(make, technician_ids=[ann.id])
    assert placed(plan) == {str(loose.id): (str(ann.id), str(a_day()))}
    assert str(bens.id) not in plan.seen


def test_a_plan_without_somebody_gives_their_visits_to_others(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    bens = standing(make, ben, 9, "Pump")
    plan = planned(make, without=[ben.id])
    assert plan.kind is PlanKind.WHAT_IF
    assert placed(plan)[str(bens.id)][0] == str(ann.id)
    assert row(make, bens).technician_id == ben.id


def test_what_is_left_out_is_not_planned_and_leaves_the_plan_with_the_rest(make: Maker) -> None:
    ann = make.technician("Ann")
    pump = standing(make, ann, 9, "Pump")
    plan = planned(make, left_out=[pump.id])
    assert placed(plan) == {}
    perform(make.system, lambda unit: dispatch.publish_plan(unit, plan.id))
    assert row(make, pump).technician_id is None


def test_overtime_is_asked_for_and_other_prices_change_the_cost(make: Maker) -> None:
    make.technician(shift_from="08:00", shift_to="09:00")
    long = make.visit(order=make.order(priority=1), duration_min=90)
    assert placed(planned(make, overtime_min=0)) == {}
    plan = planned(make, overtime_min=120, weights={"overtime": 7})
    assert str(long.id) in placed(plan)
    assert plan.cost["overtime"] % 7 == 0
    assert plan.cost["overtime"] > 0
    assert plan.asked == {"overtime_min": 120, "weights": {"overtime": 7}}


@pytest.mark.parametrize(
    "weights", [{"nonsense": 1}, {"late": 1}, {"late.5": 1}, {"overtime": -1}, {"moved": 10**12}]
)
def test_a_price_that_is_none_is_refused(make: Maker, weights: dict[str, int]) -> None:
    with pytest.raises(Invalid) as refusal:
        perform(make.system, lambda unit: dispatch.ask_plan(unit, day=a_day(), weights=weights))
    assert set(refusal.value.details["fields"]) == set(weights)


def test_who_has_declined_a_visit_is_not_given_it_again(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben", home_lat=31.6, home_lng=121.9)
    pump = standing(make, ann, 9, "Pump", order=make.order(priority=1))
    perform(
        make.as_technician(ann), lambda unit: work.decline_visit(unit, pump.id, reason="Too far")
    )
    assert placed(planned(make))[str(pump.id)][0] == str(ben.id)


def test_a_large_plan_is_made_in_parts_and_sewn_together(make: Maker) -> None:
    perform(make.system, lambda unit: dispatch.set_planning_rules(unit, split_above=50))
    near, far = (31.2, 121.4), (31.5, 121.9)
    for lat, lng in (near, far):
        for _ in range(4):
            make.technician(home_lat=lat, home_lng=lng, shift_from="08:00", shift_to="18:00")
    for number in range(54):
        lat, lng = near if number % 3 else far
        site = make.site(lat=lat + number * 0.001, lng=lng)
        make.visit(order=make.order(make.asset(site)), duration_min=30)
    crane = make.order(title="Crane", skills=[{"code": "crane", "level": 1}])
    make.visit(order=crane, duration_min=30)
    plan = planned(make, seconds=4)
    assert len(placed(plan)) == 54
    # Everybody says why, not only those of its part.
    [left] = plan.unplaced
    assert len({one["technician_id"] for one in left["reasons"]}) == 8
    assert len(plan.routes) == 8
    with reading(make.system) as unit:
        said = plan_view(unit, plan)["message"]
    assert said == "This large plan was made in 2 parts and sewn together."
    assert plan.cost["total"] == sum(
        amount for name, amount in plan.cost.items() if name != "total"
    )
    for route in plan.routes:
        hours = [(stop["starts_at"], stop["departs_at"]) for stop in route["stops"]]
        assert all(a[1] <= b[0] for a, b in pairwise(hours))


def test_the_router_that_the_application_was_given_is_asked(make: Maker) -> None:
    make.technician()
    make.visit()

    def speak(_: str, __: str, query: dict[str, list[str]], ___: Any) -> Answer:
        size = len(query["sources"][0].split(";"))
        return 200, {"code": "Ok", "durations": [[1234.0] * size for _ in range(size)]}

    with serving(speak) as (url, asked):
        roads.configure(Router("osrm", url))
        try:
            plan = planned(make)
        finally:
            roads.configure(None)
    assert asked[0].startswith("/table/v1/car/")
    assert [stop["travel_s"] for route in plan.routes for stop in route["stops"]] == [1234]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Shanghai"])
def test_shifts_begin_by_the_wall_clock_on_the_day_when_the_clocks_change(zone: str) -> None:
    for first in (date(2026, 3, 28), date(2026, 3, 7), date(2026, 10, 24), date(2026, 10, 31)):
        day = Day(first, ZoneInfo(zone), 3)
        for number, on in enumerate(day.dates):
            begins = day.moment(day.wall("08:30", number)).astimezone(ZoneInfo(zone))
            assert (begins.date(), f"{begins:%H:%M}") == (on, "08:30")
            assert day.date_of(day.wall("23:59", number)) == on
        assert day.moment(day.ends_s).astimezone(ZoneInfo(zone)).date() == first + timedelta(days=3)


def test_a_day_that_has_begun_is_planned_from_where_people_are(make: Maker, at: Any) -> None:
    now = clock.now().replace(hour=4, minute=0, second=0, microsecond=0)
    at(now)
    ann = make.technician("Ann", home_lat=31.2, home_lng=121.4)
    site = make.site(lat=31.3, lng=121.5)
    done = make.visit(by=ann, order=make.order(make.asset(site)), day=now.date())
    perform(
        make.as_technician(ann),
        lambda unit: work.complete_visit(unit, done.id, findings="Done"),
        happened_at=now - timedelta(minutes=10),
    )
    next_door = make.visit(order=make.order(make.asset(site)), duration_min=30)
    plan = planned(make, day=now.date())
    [stop] = [stop for route in plan.routes for stop in route["stops"]]
    assert (stop["visit_id"], stop["travel_s"]) == (str(next_door.id), 0)
