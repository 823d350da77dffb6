"""Requests, orders and visits: three records with three life cycles."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from assets.models import Asset, AssetState, Repair
from core import clock
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.ids import new_id
from core.unit import perform, reading, unit_of_work
from tests.makers import Maker
from work import actions as work
from work import promises
from work.models import (
    Attention,
    Hold,
    OrderState,
    Request,
    RequestState,
    Visit,
    VisitState,
    WorkOrder,
)
from work.states import order_state

V = VisitState


def state_of(make: Maker, order: WorkOrder) -> OrderState:
    with reading(make.system) as unit:
        return unit.must(WorkOrder, order.id, "gone").state


def visits(make: Maker, order: WorkOrder) -> list[Visit]:
    with reading(make.system) as unit:
        return list(
            unit.session.scalars(
                sa.select(Visit).where(Visit.order_id == order.id).order_by(Visit.no)
            )
        )


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], OrderState.NEW),
        ([V.PROPOSED], OrderState.NEW),
        ([V.DISPATCHED], OrderState.SCHEDULED),
        ([V.DISPATCHED, V.TRAVELLING], OrderState.IN_PROGRESS),
        ([V.WORKING], OrderState.IN_PROGRESS),
        ([V.DISPATCHED, V.COMPLETED], OrderState.IN_PROGRESS),
        ([V.COMPLETED], OrderState.WORK_DONE),
        ([V.COMPLETED, V.CANCELLED], OrderState.WORK_DONE),
        ([V.PARTIALLY_COMPLETED], OrderState.NEW),
        ([V.PARTIALLY_COMPLETED, V.CANCELLED], OrderState.NEW),
        ([V.COMPLETED, V.PARTIALLY_COMPLETED], OrderState.WORK_DONE),
        ([V.CANCELLED], OrderState.NEW),
    ],
)
def test_an_order_s_state_follows_from_its_visits(
    states: list[VisitState], expected: OrderState
) -> None:
    assert order_state(OrderState.NEW, states, on_hold=False) is expected


def test_an_order_on_hold_stays_there_until_the_work_is_done() -> None:
    assert order_state(OrderState.ON_HOLD, [V.DISPATCHED], on_hold=True) is OrderState.ON_HOLD
    assert order_state(OrderState.ON_HOLD, [V.COMPLETED], on_hold=True) is OrderState.WORK_DONE


def test_what_the_office_has_said_is_not_overruled_by_visits() -> None:
    assert order_state(OrderState.CANCELLED, [V.COMPLETED], on_hold=False) is OrderState.CANCELLED


def test_a_second_report_of_an_open_fault_joins_the_first(make: Maker) -> None:
    machine = make.asset()
    report = lambda symptom: perform(  # noqa: E731
        make.system,
        lambda unit: work.report_fault(unit, unit.must(Asset, machine.id, "gone"), symptom=symptom)[
            0
        ],
    )
    first, second, other = report("leak"), report("leak"), report("noise")
    assert first.id == second.id != other.id
    with reading(make.system) as unit:
        assert unit.must(Request, first.id, "gone").confirmations == 1
        assert unit.must(Asset, machine.id, "gone").state is AssetState.DEGRADED


def test_a_fault_reported_again_after_its_order_was_done_is_a_new_one(make: Maker) -> None:
    ann, machine = make.technician(), make.asset()
    report = lambda: perform(  # noqa: E731
        make.system,
        lambda unit: work.report_fault(unit, unit.must(Asset, machine.id, "gone"), symptom="leak")[
            0
        ],
    )
    first = report()
    order = perform(make.system, lambda unit: work.accept_request(unit, first.id))
    visit = make.visit(by=ann, order=order)
    assert report().id == first.id, "it is still being worked on"
    perform(
        make.as_technician(ann),
        lambda unit: work.complete_visit(unit, visit.id, findings="Tightened"),
    )
    assert report().id != first.id


def test_a_request_is_accepted_or_rejected_once(make: Maker) -> None:
    machine = make.asset()
    request = perform(
        make.system,
        lambda unit: work.report_fault(unit, unit.must(Asset, machine.id, "gone"), symptom="leak")[
            0
        ],
    )
    perform(make.system, lambda unit: work.reject_request(unit, request.id, reason="Rented out"))
    with pytest.raises(Conflict):
        perform(make.system, lambda unit: work.accept_request(unit, request.id))
    with reading(make.system) as unit:
        assert unit.must(Request, request.id, "gone").state is RequestState.REJECTED


def test_a_closed_visit_cannot_be_completed_again(make: Maker) -> None:
    ann = make.technician()
    visit = make.visit(by=ann)

    def done() -> None:
        perform(
            make.as_technician(ann),
            lambda unit: work.complete_visit(unit, visit.id, findings="Done"),
        )

    done()
    with pytest.raises(Conflict):
        done()


def test_a_visit_of_somebody_else_is_refused(make: Maker) -> None:
    ann, ben = make.technician(), make.technician()
    visit = make.visit(by=ann)
    with pytest.raises(Forbidden):
        perform(make.as_technician(ben), lambda unit: work.start_travel(unit, visit.id))


def test_half_done_work_asks_for_another_visit(make: Maker) -> None:
    ann = make.technician()
    order = make.order()
    visit = make.visit(by=ann, order=order)
    perform(
        make.as_technician(ann),
        lambda unit: work.complete_visit(
            unit, visit.id, findings="Part missing", outcome="could_not_complete", reason="parts"
        ),
    )
    assert [one.state for one in visits(make, order)] == [V.COULD_NOT_COMPLETE, V.PROPOSED]
    assert state_of(make, order) is OrderState.NEW


def test_a_required_step_left_open_is_accepted_and_shown_to_a_person(make: Maker) -> None:
    ann = make.technician()
    visit = make.visit(by=ann)
    with unit_of_work(make.as_technician(ann)) as unit:
        work.complete_visit(unit, visit.id, findings="Done", answers={"safe": True})
        assert [notice.kind for notice in unit.notices] == ["review"]
    with reading(make.system) as unit:
        row = unit.must(Visit, visit.id, "gone")
        assert (row.state, row.needs_review) == (V.COMPLETED, True)
        [asked] = unit.session.scalars(sa.select(Attention)).all()
        assert asked.message == "Required steps were left open: Test run after the work"


def test_a_finished_order_stands_in_its_machine_s_history_with_parts_and_cost(make: Maker) -> None:
    ann, machine, part = make.technician("Ann"), make.asset(), make.part(cost_micro=2_000_000)
    make.stock(ann.van_place_id, part, 5)
    order = make.order(machine)
    visit = make.visit(by=ann, order=order)
    actor = make.as_technician(ann)
    perform(actor, lambda unit: work.use_part(unit, visit.id, id=new_id(), part_id=part.id, qty=2))
    perform(
        actor,
        lambda unit: work.complete_visit(
            unit, visit.id, findings="New seal", cause="wear", remedy="replaced"
        ),
    )
    late = new_id()
    for _ in range(2):
        perform(actor, lambda unit: work.use_part(unit, visit.id, id=late, part_id=part.id, qty=1))
    with reading(make.system) as unit:
        [line] = unit.session.scalars(sa.select(Repair)).all()
        assert (line.order_no, line.cause, line.technician, line.cost_micro) == (
            order.no,
            "wear",
            "Ann",
            6_000_000,
        )
        assert sum(used["qty"] for used in line.parts) == 3
        [recent] = unit.must(Asset, machine.id, "gone").recent_repairs
        assert recent["order_no"] == order.no


def test_a_cancelled_order_takes_its_waiting_visits_along_and_leaves_what_is_under_way(
    make: Maker,
) -> None:
    ann = make.technician()
    waiting, going = make.order(), make.order()
    make.visit(by=ann, order=waiting)
    under_way = make.visit(by=ann, order=going)
    perform(make.as_technician(ann), lambda unit: work.start_travel(unit, under_way.id))
    for order in (waiting, going):
        perform(
            make.system, lambda unit, order=order: work.cancel_order(unit, order.id, reason="Sold")
        )
    assert [one.state for one in visits(make, waiting)] == [V.CANCELLED]
    assert [one.state for one in visits(make, going)] == [V.TRAVELLING]


def test_only_finished_work_is_closed(make: Maker) -> None:
    order = make.order()
    with pytest.raises(Conflict, match="finished"):
        perform(make.system, lambda unit: work.close_order(unit, order.id))


def test_a_visit_under_way_is_not_given_to_somebody_else(make: Maker) -> None:
    ann, ben = make.technician(), make.technician()
    visit = make.visit(by=ann)
    perform(make.as_technician(ann), lambda unit: work.start_travel(unit, visit.id))
    with pytest.raises(Conflict, match="on the way"):
        perform(make.system, lambda unit: work.edit_visit(unit, visit.id, technician_id=ben.id))


def test_an_order_needs_a_place_and_parts_that_exist(make: Maker) -> None:
    with pytest.raises(Invalid):
        perform(make.system, lambda unit: work.open_order(unit, title="Nowhere"))
    machine = make.asset()
    with pytest.raises(NotFound):
        perform(
            make.system,
            lambda unit: work.open_order(
                unit, title="x", asset_id=machine.id, parts=[{"part_id": new_id(), "qty": 1}]
            ),
        )


def promise(make: Maker, priority: int, minutes: int) -> None:
    perform(
        make.system,
        lambda unit: promises.make_promise(
            unit, priority=priority, minutes=minutes, warn_minutes=10, timezone="UTC", week={}
        ),
    )


def test_a_hold_by_the_customer_moves_the_promise_and_a_lack_of_parts_does_not(
    make: Maker, at: Any
) -> None:
    promise(make, 3, 240)
    start = clock.now().replace(microsecond=0)
    at(start)
    orders = {reason: make.order(priority=3) for reason in ("customer", "parts")}
    for reason, order in orders.items():
        at(start + timedelta(hours=1))
        perform(make.system, lambda unit, o=order, r=reason: work.hold_order(unit, o.id, reason=r))
        at(start + timedelta(hours=2))
        perform(make.system, lambda unit, o=order: work.release_order(unit, o.id))
    with reading(make.system) as unit:
        due = {
            reason: unit.must(WorkOrder, order.id, "gone").due_at
            for reason, order in orders.items()
        }
    assert due == {"customer": start + timedelta(hours=5), "parts": start + timedelta(hours=4)}


def test_a_raised_priority_walks_the_promise_again_from_the_start_with_the_old_holds(
    make: Maker, at: Any
) -> None:
    promise(make, 3, 600)
    promise(make, 1, 120)
    start = clock.now().replace(microsecond=0)
    at(start)
    order = make.order(priority=3)
    at(start + timedelta(minutes=30))
    perform(make.system, lambda unit: work.hold_order(unit, order.id, reason="access"))
    at(start + timedelta(minutes=60))
    perform(make.system, lambda unit: work.release_order(unit, order.id))
    perform(make.system, lambda unit: work.edit_order(unit, order.id, priority=1))
    with reading(make.system) as unit:
        row = unit.must(WorkOrder, order.id, "gone")
        assert row.due_at == start + timedelta(minutes=150)
        assert [segment["state"] for segment in (row.sla or {})["segments"]] == [
            "running",
            "paused",
        ]


def test_a_new_hold_ends_the_one_before(make: Maker) -> None:
    order = make.order()
    for reason in ("customer", "parts"):
        perform(
            make.system, lambda unit, reason=reason: work.hold_order(unit, order.id, reason=reason)
        )
    with reading(make.system) as unit:
        holds = unit.session.scalars(sa.select(Hold).order_by(Hold.begun_at)).all()
        assert [hold.ended_at is None for hold in holds] == [False, True]


def test_on_another_day_the_hour_of_a_visit_is_settled_anew(make: Maker) -> None:
    visit = make.visit(by=make.technician())
    now = clock.now()
    perform(
        make.system,
        lambda unit: work.edit_visit(unit, visit.id, day=now.date(), arrives_at=now),
    )
    later = now.date() + timedelta(days=3)
    moved = perform(make.system, lambda unit: work.edit_visit(unit, visit.id, day=later))
    assert (moved.day, moved.arrives_at, moved.departs_at) == (later, None, None)
    with pytest.raises(Invalid):
        perform(
            make.system,
            lambda unit: work.edit_visit(
                unit, visit.id, day=later + timedelta(days=3), arrives_at=now
            ),
        )
