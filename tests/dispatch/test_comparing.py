"""Proposals side by side: what moves, what is new, what it costs and gains, by the validator's own prices."""

from datetime import timedelta
from typing import Any

import pytest

from core.errors import Conflict, Invalid
from core.ids import new_id
from core.unit import perform, reading
from dispatch import actions as dispatch
from dispatch.comparisons import comparison
from dispatch.models import DayPlan
from tests.dispatch.standing_days import a_day, standing
from tests.dispatch.standing_days import at as moment
from tests.dispatch.test_publication import proposal
from tests.makers import Maker


def compared(make: Maker, *plans: DayPlan, against: DayPlan | None = None) -> dict[str, object]:
    with reading(make.system) as unit:
        return comparison(
            unit, [plan.id for plan in plans], against=against.id if against else None
        )


def test_a_proposal_beside_the_plan_that_runs_says_what_becomes_of_each_visit(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    moved = standing(make, ann, 9, "Pump")
    shifted = standing(make, ann, 13, "Valve")
    stays = standing(make, ben, 14, "Hose")
    dropped = standing(make, ben, 16, "Lift")
    new = make.visit(order=make.order(title="Leak"), duration_min=60)
    waiting = make.visit(order=make.order(title="Noise"), duration_min=60)
    plan = proposal(
        make,
        {ann: [(shifted, 10), (new, 12)], ben: [(moved, 9), (stays, 14)]},
        unplaced=(dropped, waiting),
    )
    said = compared(make, plan)
    [column] = said["plans"]
    found = {
        one["title"]: (one["difference"], one["before"], one["after"]) for one in column["changes"]
    }
    assert {title: one[0] for title, one in found.items()} == {
        "Pump": "moved",
        "Valve": "shifted",
        "Lift": "left_out",
        "Leak": "placed",
    }
    assert found["Pump"][1]["name"] == "Ann"
    assert found["Pump"][2]["name"] == "Ben"
    assert found["Valve"][2]["starts_at"] == moment(10)
    assert found["Leak"][1] is None
    assert column["moved"] == 2
    assert (said["before"]["placed"], column["sums"]["placed"]) == (4, 4)


def test_the_terms_of_both_plans_add_up_to_their_costs(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben", home_lat=31.3, home_lng=121.6)
    pump = standing(make, ann, 9, "Pump", order=make.order(priority=1, title="Pump"))
    late = make.visit(order=make.order(title="Leak", priority=2), duration_min=60)
    plan = proposal(make, {ann: [(late, 15)], ben: [(pump, 9)]})
    said = compared(make, plan)
    [column] = said["plans"]
    for side, cost in (("before", said["before"]["cost"]), ("after", column["sums"]["cost"])):
        assert sum(term[side] for term in column["terms"]) == cost
    terms = {term["name"]: term for term in column["terms"]}
    # The leak that waits costs what it costs to leave it out, and no more once it is placed.
    assert terms["unplaced"] == {"name": "unplaced", "before": 30_000, "after": 0}
    assert terms["moved"]["before"] == 0
    assert terms["moved"]["after"] == 1800


def test_two_proposals_are_compared_with_one_another(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    visit = make.visit(order=make.order(title="Leak"), duration_min=60)
    first, second = proposal(make, {ann: [(visit, 9)]}), proposal(make, {ben: [(visit, 9)]})
    both = compared(make, first, second)
    assert [len(column["changes"]) for column in both["plans"]] == [1, 1]
    said = compared(make, second, against=first)
    [change] = said["plans"][0]["changes"]
    assert (change["difference"], change["before"]["name"], change["after"]["name"]) == (
        "moved",
        "Ann",
        "Ben",
    )


def test_what_a_proposal_would_break_by_now_is_said(make: Maker) -> None:
    ann = make.technician("Ann")
    visit = make.visit(order=make.order(title="Leak"), duration_min=60)
    plan = proposal(make, {ann: [(visit, 9)]})
    perform(
        make.system,
        lambda unit: dispatch.note_absence(
            unit, technician_id=ann.id, kind="sick", begins_at=moment(8), ends_at=moment(12)
        ),
    )
    [column] = compared(make, plan)["plans"]
    assert column["broken"]


def test_plans_without_an_answer_of_other_days_or_too_many_are_refused(make: Maker) -> None:
    ann = make.technician()
    plan = proposal(make, {ann: [(make.visit(), 9)]})
    far = perform(make.system, lambda unit: dispatch.ask_plan(unit, day=a_day(20)))
    with pytest.raises(Conflict):
        compared(make, far)
    with pytest.raises(Invalid):
        compared(make, *[plan] * 5)
    with pytest.raises(Exception, match="No such plan"), reading(make.system) as unit:
        comparison(unit, [new_id()])


def test_a_proposal_that_empties_a_day_is_compared_while_that_day_begins(
    make: Maker, at: Any
) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    plan = proposal(make, {ben: [(standing(make, ann, 9, "Pump"), 10)]})
    day, eight = a_day(), moment(8)

    def emptied(unit: Any) -> None:
        leaves = (eight - timedelta(minutes=5)).isoformat()
        nobody = {"technician_id": str(ann.id), "day": str(day), "stops": [], "rests": []}
        nobody |= {"leaves_at": leaves, "returns_at": leaves, "travel_s": 0}
        nobody |= {"return_travel_s": 0, "work_s": 0}
        row = unit.must(DayPlan, plan.id, "gone")
        row.routes = [*row.routes, nobody]

    perform(make.system, emptied)
    at(eight)
    [column] = compared(make, plan)["plans"]
    assert [one["difference"] for one in column["changes"]] == ["moved"]


def test_a_locked_visit_without_a_place_in_the_proposal_is_not_among_its_changes(
    make: Maker,
) -> None:
    ann = make.technician("Ann")
    pump = standing(make, ann, 9, "Pump", locked=True)
    [column] = compared(make, proposal(make, {}, (pump,)))["plans"]
    assert (column["changes"], column["sums"]["placed"]) == ([], 1)
