"""A company's own prices, and the hours that can be promised to a customer."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Busy, Conflict, Forbidden, Invalid
from core.unit import perform, reading
from dispatch import actions as dispatch
from dispatch import planner as planners
from dispatch.engine.problem import Weights
from dispatch.offering import offers
from dispatch.planner import planner
from dispatch.queries import planning_rules, rules_view
from dispatch.weighing import USUAL, prices_of, weights_of, wrong
from tests.dispatch.standing_days import a_day, at, standing
from tests.doors import Visitor
from tests.makers import Maker
from work.actions import edit_order, edit_visit
from work.models import VisitState


@pytest.fixture(scope="module", autouse=True)
def _rested() -> Iterator[None]:
    yield
    planner.close()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.integers(1 if name.startswith("unplaced.") else 0, 10**9) for name in USUAL
        },
    )
)
def test_prices_by_name_are_the_planner_s_weights_and_back(prices: dict[str, int]) -> None:
    assert wrong(prices) == {}
    assert prices_of(weights_of(prices)) == USUAL | prices
    assert weights_of({}) == Weights()


def test_leaving_a_visit_out_is_never_free() -> None:
    assert set(wrong({"unplaced.2": 0, "late.2": 0, "travel": 0})) == {"unplaced.2"}


def test_the_manager_sets_prices_and_only_what_differs_is_kept(make: Maker) -> None:
    manager, dispatcher = make.actor("manager"), make.actor("dispatcher")

    def set_rules(actor: Any, **rules: Any) -> None:
        perform(actor, lambda unit: dispatch.set_planning_rules(unit, **rules))

    set_rules(manager, weights={"overtime": 5, "late.1": USUAL["late.1"]}, budget=4)
    set_rules(manager, weights={"moved": 900})
    with reading(dispatcher) as unit:
        known = planning_rules(unit)
        view = rules_view(unit, known)
    assert (known.weights, known.budget) == ({"overtime": 5, "moved": 900}, 4)
    assert view["weights"] == USUAL | {"overtime": 5, "moved": 900}
    set_rules(manager, weights={"overtime": USUAL["overtime"]})
    with reading(dispatcher) as unit:
        assert planning_rules(unit).weights == {"moved": 900}
    with pytest.raises(Forbidden):
        set_rules(dispatcher, budget=1)
    with pytest.raises(Invalid):
        set_rules(manager, weights={"late.9": 1})
    stranger = Maker()
    with reading(stranger.system) as unit:
        assert planning_rules(unit).weights == {}


def test_a_window_is_offered_with_what_it_adds_and_none_where_nobody_can(make: Maker) -> None:
    ann = make.technician("Ann", shift_from="08:00", shift_to="12:00")
    perform(make.system, lambda unit: dispatch.set_planning_rules(unit, overtime_min=0))
    standing(make, ann, 10, "Pump", duration_min=105)
    visit = make.visit(duration_min=60)
    with reading(make.system) as unit:
        found = offers(unit, visit.id, day=a_day(), days=2, hours=2)["offers"]
    by_start = {one["window_from"]: one for one in found}
    assert list(by_start) == [at(8), at(10), at(8, ahead=4), at(10, ahead=4)]
    assert by_start[at(8)]["name"] == "Ann"
    assert by_start[at(10)]["added_cost"] is None
    # On the empty day after, the way there and back is all for this visit.
    assert by_start[at(10, ahead=4)]["added_cost"] > by_start[at(8)]["added_cost"]


def test_the_hours_that_were_promised_before_do_not_narrow_what_is_offered(make: Maker) -> None:
    make.technician("Ann")
    promised = make.visit(window_from=at(9, ahead=9), window_to=at(10, ahead=9), duration_min=30)
    with reading(make.system) as unit:
        found = offers(unit, promised.id, day=a_day(), days=1, hours=3)["offers"]
    assert [one["added_cost"] is not None for one in found] == [True, True, True]


def test_nothing_is_offered_for_what_has_begun_and_where_the_planner_is_not_ready(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = make.technician()
    begun = standing(make, ann, 9, "Pump", state=VisitState.WORKING)
    with pytest.raises(Conflict), reading(make.system) as unit:
        offers(unit, begun.id)

    def cold(*_: Any) -> None:
        raise planners.NotReady

    monkeypatch.setattr(planners.planner, "ask", cold)
    with pytest.raises(Busy), reading(make.system) as unit:
        offers(unit, make.visit().id)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_doors_take_no_rubbish(make: Maker, sign_in: Callable[..., Visitor]) -> None:
    visitor = sign_in(make.account("manager"))
    ann = make.technician()
    visit = make.visit()
    refused = [
        ("GET", f"/v1/visits/{visit.id}/offers?hours=0", None, 422),
        ("GET", f"/v1/visits/{visit.id}/offers?days=x", None, 422),
        ("GET", "/v1/dispatch/comparison", None, 422),
        ("GET", "/v1/dispatch/comparison?plans=x,y", None, 422),
        ("GET", f"/v1/dispatch/comparison?plans={visit.id}", None, 404),
        ("GET", "/v1/dispatch/absences?days=1000", None, 422),
        ("POST", "/v1/dispatch/replans", {"event": "earthquake"}, 422),
        ("POST", "/v1/dispatch/replans", {"event": "emergency"}, 422),
        ("POST", "/v1/dispatch/replans", {"event": "emergency", "visit_id": str(ann.id)}, 404),
        ("POST", "/v1/dispatch/replans", {"event": "cancellation", "days": 8}, 422),
        ("POST", "/v1/dispatch/absences", {"technician_id": str(ann.id), "kind": "bored"}, 422),
        ("POST", "/v1/dispatch/absences", {"technician_id": str(ann.id), "kind": "late"}, 422),
        ("PUT", "/v1/dispatch/rules", {"weights": {"overtime": 1.5}}, 422),
        ("PUT", "/v1/dispatch/rules", {"weights": {"a\u0000": 1}}, 422),
        ("PUT", "/v1/dispatch/rules", {"budget": -1}, 422),
        ("POST", "/v1/dispatch/plans", {"day": str(a_day()), "days": 8}, 422),
        ("POST", "/v1/dispatch/plans", {"day": str(a_day()), "weights": {"late": 1}}, 422),
        (
            "POST",
            "/v1/dispatch/plans",
            {"day": str(a_day()), "technician_ids": [str(visit.id)]},
            404,
        ),
    ]
    for method, path, body, status in refused:
        answer = visitor.call(method, path, body)
        assert answer.status_code == status, (path, body, answer.get_data(as_text=True)[:300])


@pytest.mark.parametrize("year", [1901, 2190])
def test_a_window_of_another_century_is_refused(make: Maker, year: int) -> None:
    begins = datetime(year, 3, 2, 9, tzinfo=UTC)
    window = {"window_from": begins, "window_to": begins + timedelta(hours=2)}
    with pytest.raises(Invalid):
        make.order(**window)
    visit = make.visit()
    with pytest.raises(Invalid):
        perform(make.system, lambda unit: edit_order(unit, visit.order_id, **window))
    with pytest.raises(Invalid):
        perform(make.system, lambda unit: edit_visit(unit, visit.id, **window))
