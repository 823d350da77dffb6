"""What an engineer reports from the field: only ever added, kept whoever has the visit now, and carried along."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from core import clock
from core.ids import new_id
from core.unit import perform, reading, unit_of_work
from parts.actions.catalogue import asset_place
from parts.models import VanStock
from tests.api.world import manifest_of
from tests.doors import Phone, Visitor
from tests.makers import Maker
from tests.sync.field import Field, statuses
from work import actions as work
from work.canonical import sha256_hex
from work.models import (
    Attention,
    Hold,
    PartUse,
    Photo,
    Reading,
    SignOff,
    TimeEntry,
    Visit,
    VisitState,
    WorkOrder,
)
from work.promises import make_promise


def test_a_reading_and_a_time_travel_with_their_visit(field: Field) -> None:
    field.read(8120.5, visit_id=str(field.visit.id))
    field.read(0.4, meter="trip")
    field.time(45, note="Hose was stuck")
    assert statuses(field.phone.push()) == ["applied"] * 3
    field.phone.pull()
    [entry] = field.phone.docs("time_entry")
    assert (entry["kind"], entry["note"], entry["technician_id"]) == (
        "work",
        "Hose was stuck",
        str(field.technician.id),
    )
    assert sorted((doc["value"], doc["visit_id"]) for doc in field.phone.docs("reading")) == [
        (0.4, None),
        (8120.5, str(field.visit.id)),
    ]
    assert {doc["by"] for doc in field.phone.docs("reading")} == {field.account.name}


def test_what_hangs_on_a_visit_leaves_the_phone_with_it(field: Field, make: Maker) -> None:
    field.read(8120.5, visit_id=str(field.visit.id))
    field.time()
    field.phone.push()
    field.phone.pull()
    other = make.technician()
    perform(make.system, lambda unit: work.edit_visit(unit, field.visit.id, technician_id=other.id))
    field.phone.pull()
    assert field.phone.docs("reading") == field.phone.docs("time_entry") == []


def test_a_fact_said_again_by_a_phone_that_was_registered_anew_stands_once(
    field: Field, phone: Callable[..., Phone]
) -> None:
    said = [field.read(1), field.time()]
    field.phone.push()
    anew = phone(field.account)
    assert statuses(anew.push(said)) == ["applied"] * 2
    assert (len(field.all(Reading)), len(field.all(TimeEntry))) == (1, 1)


@pytest.mark.parametrize("first", ["part.consume", "visit.complete"])
def test_a_part_that_was_said_by_itself_and_by_the_completion_is_used_once(
    field: Field, make: Maker, first: str
) -> None:
    part = make.part()
    make.stock(field.technician.van_place_id, part, 5)
    use = {"id": str(new_id()), "part_id": str(part.id), "qty": 2}
    other = {"id": str(new_id()), "part_id": str(part.id), "qty": 1}
    kinds = ["part.consume", "visit.complete"]
    for kind in kinds if first == kinds[0] else kinds[::-1]:
        if kind == "part.consume":
            field.say(kind, **use)
        else:
            field.say(kind, findings="Done", parts=[use, other])
    said = list(field.phone.outbox)

    assert statuses(field.phone.push()) == ["applied"] * 2
    assert statuses(field.phone.push(said)) == ["applied"] * 2

    assert sorted(row.qty for row in field.all(PartUse)) == [1, 2]
    [stock] = [row for row in field.all(VanStock) if row.part_id == part.id]
    assert stock.on_hand == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "sleeping"},
        {"ended_at": "2026-01-01T10:00:00Z"},
        {"begun_at": "yesterday"},
        {"note": 7},
    ],
)
def test_a_time_that_makes_no_sense_changes_nothing_and_is_kept(
    field: Field, wrong: dict[str, Any]
) -> None:
    field.time(**wrong)
    [status] = statuses(field.phone.push())
    assert status in ("refused", "review")
    assert field.all(TimeEntry) == []
    assert len(field.all(Attention)) == 1


def test_h20_facts_for_a_visit_that_went_elsewhere_are_kept_as_late_evidence(
    field: Field, make: Maker
) -> None:
    manifest = manifest_of(field.visit)
    other = make.technician()
    perform(make.system, lambda unit: work.edit_visit(unit, field.visit.id, technician_id=other.id))
    field.time()
    field.read(8120.5, visit_id=str(field.visit.id))
    field.say("photo.attach", id=str(new_id()), sha256="a" * 64)
    field.say("visit.complete", findings="Done before I heard of it")
    field.say(
        "signoff.seal",
        id=str(new_id()),
        manifest=manifest,
        manifest_sha256=sha256_hex(manifest),
        refusal={"reason": "Nobody there"},
    )
    assert statuses(field.phone.push()) == ["review"] * 5
    assert [len(field.all(kind)) for kind in (TimeEntry, Reading, Photo)] == [1, 1, 1]
    assert field.row(Visit, field.visit.id).state is not VisitState.COMPLETED
    kept = [row.phone_value["value"] for row in field.all(Attention)]
    [signed] = [value for value in kept if value.get("type") == "signoff.seal"]
    assert signed["args"]["manifest"] == manifest
    [finished] = [value for value in kept if value.get("type") == "visit.complete"]
    assert finished["args"]["findings"] == "Done before I heard of it"


def test_the_office_takes_a_late_signature_and_it_is_sealed(
    field: Field, make: Maker, sign_in: Callable[..., Visitor]
) -> None:
    manifest = manifest_of(field.visit)
    other = make.technician()
    perform(make.system, lambda unit: work.edit_visit(unit, field.visit.id, technician_id=other.id))
    field.say(
        "signoff.seal",
        id=str(new_id()),
        manifest=manifest,
        manifest_sha256=sha256_hex(manifest),
        refusal={"reason": "Nobody there"},
    )
    field.phone.push()
    [kept] = field.all(Attention)
    sign_in(make.account("dispatcher")).send("POST", f"/v1/attention/{kept.id}/retry")
    assert [row.manifest_sha256 for row in field.all(SignOff)] == [sha256_hex(manifest)]


def test_parts_used_and_signatures_come_with_the_order_to_whoever_goes_next(
    field: Field, make: Maker, phone: Callable[..., Phone]
) -> None:
    part, manifest = make.part(), manifest_of(field.visit)
    make.stock(field.technician.van_place_id, part, 2)
    field.say("part.consume", id=str(new_id()), part_id=str(part.id), qty=2, code="X")
    field.say("visit.complete", findings="Half", outcome="partially_completed", reason="Seal gone")
    field.say(
        "signoff.seal",
        id=str(new_id()),
        manifest=manifest,
        manifest_sha256=sha256_hex(manifest),
        refusal={"reason": "Nobody there"},
    )
    field.phone.push()
    account = make.account("technician")
    next_one = make.technician(account=account)
    [again] = [v for v in field.all(Visit) if v.state is VisitState.PROPOSED]
    perform(
        make.system,
        lambda unit: work.edit_visit(
            unit, again.id, technician_id=next_one.id, day=clock.now().date()
        ),
    )
    mobile = phone(account)
    mobile.pull()
    [use] = mobile.docs("part_use")
    assert (use["part_id"], use["qty"], use["code"]) == (str(part.id), 2, "X")
    [signed] = mobile.docs("signoff")
    assert (signed["number"], signed["refusal"]) == (1, "Nobody there")
    assert "strokes" not in signed


def test_a_machine_brings_its_newest_repairs_and_the_oldest_leave(
    field: Field, make: Maker
) -> None:
    field.phone.pull()
    for number in range(7):
        machine = UUID(field.phone.docs("asset")[0]["id"])
        order = make.order(asset_id=machine, title=f"Repair {number}", checklist=[])
        visit = make.visit(by=field.technician, order=order)
        field.phone.say("visit.complete", {"visit_id": str(visit.id), "findings": "Done"})
        field.phone.push()
    field.phone.pull()
    assert sorted(doc["title"] for doc in field.phone.docs("repair")) == [
        f"Repair {number}" for number in range(2, 7)
    ]


def test_a_visit_on_hold_says_why_until_the_work_goes_on(field: Field) -> None:
    field.say("visit.start")
    field.say("visit.hold", reason="access", text="Gate is locked")
    assert statuses(field.phone.push()) == ["applied"] * 2
    field.phone.pull()
    [doc] = field.phone.docs("visit")
    assert (doc["state"], doc["hold"]["reason"], doc["hold"]["text"]) == (
        "paused",
        "access",
        "Gate is locked",
    )
    field.say("visit.start")
    field.phone.push()
    field.phone.pull()
    [doc] = field.phone.docs("visit")
    assert (doc["state"], doc["hold"]) == ("working", None)


@pytest.mark.parametrize(("reason", "moves"), [("weather", True), ("parts", False)])
def test_a_hold_on_site_stops_the_promise_s_clock_where_the_reason_is_not_ours(
    field: Field, make: Maker, at: Any, reason: str, moves: bool
) -> None:
    at(clock.now() + timedelta(hours=8))
    perform(
        make.system,
        lambda unit: make_promise(
            unit, priority=1, minutes=600, warn_minutes=60, timezone="UTC", week={}
        ),
    )
    perform(make.system, lambda unit: work.edit_order(unit, field.order.id, priority=1))
    before = field.row(WorkOrder, field.order.id).due_at
    opened = field.row(WorkOrder, field.order.id).opened_at
    engineer = make.as_technician(field.technician)

    def after(hours: int, action: Any, **args: Any) -> None:
        perform(
            engineer,
            lambda unit: action(unit, field.visit.id, **args),
            happened_at=opened + timedelta(hours=hours),
        )

    after(1, work.start_work)
    after(2, work.hold_visit, reason=reason)
    after(4, work.start_work)
    assert field.row(WorkOrder, field.order.id).due_at == before + timedelta(hours=2 * moves)
    assert [hold.ended_at is not None for hold in field.all(Hold)] == [True]


def test_a_hold_of_the_office_and_one_on_site_are_not_counted_twice(
    field: Field, make: Maker, at: Any
) -> None:
    at(clock.now() + timedelta(hours=8))
    perform(
        make.system,
        lambda unit: make_promise(
            unit, priority=1, minutes=600, warn_minutes=60, timezone="UTC", week={}
        ),
    )
    perform(make.system, lambda unit: work.edit_order(unit, field.order.id, priority=1))
    order = field.row(WorkOrder, field.order.id)
    engineer = make.as_technician(field.technician)

    def after(hours: int, actor: Any, action: Any, row_id: UUID, **args: Any) -> None:
        perform(
            actor,
            lambda unit: action(unit, row_id, **args),
            happened_at=order.opened_at + timedelta(hours=hours),
        )

    after(1, engineer, work.start_work, field.visit.id)
    after(2, engineer, work.hold_visit, field.visit.id, reason="weather")
    after(3, make.system, work.hold_order, order.id, reason="parts")
    after(5, engineer, work.start_work, field.visit.id)
    after(6, make.system, work.release_order, order.id)
    assert field.row(WorkOrder, order.id).due_at == order.due_at + timedelta(hours=3)


def test_older_apps_still_say_that_they_pause(field: Field) -> None:
    field.say("visit.start")
    field.say("visit.pause", reason="Lunch")
    assert statuses(field.phone.push()) == ["applied"] * 2
    hold = field.row(Visit, field.visit.id).hold
    assert (hold["reason"], hold["text"]) == ("other", "Lunch")


def test_the_office_sees_readings_and_times(
    field: Field, make: Maker, sign_in: Callable[..., Visitor]
) -> None:
    office = sign_in(make.account("dispatcher"))
    field.read(12)
    field.time()
    field.phone.push()
    [shown] = office.get(f"/v1/assets/{field.order.asset_id}/readings")["items"]
    assert (shown["meter"], shown["value"], shown["unit"]) == ("hours", 12, "h")
    [entry] = office.get(f"/v1/visits/{field.visit.id}/times")["items"]
    assert entry["technician_id"] == str(field.technician.id)


def test_h31_a_reading_and_a_moved_window_do_not_meet(field: Field, make: Maker) -> None:
    base = field.row(Visit, field.visit.id).version
    moved = clock.now() + timedelta(hours=4)
    perform(make.system, lambda unit: work.edit_visit(unit, field.visit.id, window_to=moved))
    said = field.read(8120.5, visit_id=str(field.visit.id))
    said["base"] = {"visit": base}
    assert statuses(field.phone.push()) == ["applied"]
    assert field.row(Visit, field.visit.id).window_to == moved
    assert field.all(Attention) == []
    with reading(make.system) as unit:
        assert unit.must(Reading, UUID(said["id"]), "gone").value == 8120.5


@pytest.mark.parametrize("wrong", [timedelta(hours=3), timedelta(days=-365)])
def test_a_time_entry_read_off_a_wrong_clock_is_put_right_with_it(
    field: Field, wrong: timedelta
) -> None:
    now = clock.now()
    begun, ended = now + wrong - timedelta(minutes=50), now + wrong - timedelta(minutes=20)
    field.time(begun_at=begun.isoformat(), ended_at=ended.isoformat())
    field.time(begun_at="0001-01-01T00:00:00+00:00", ended_at=ended.isoformat())
    first, second = statuses(field.phone.push(device_time=(now + wrong).isoformat()))
    assert first == "applied"
    assert second == "refused"
    entry = min(field.all(TimeEntry), key=lambda entry: abs(entry.begun_at - now))
    assert abs(entry.begun_at - (now - timedelta(minutes=50))) < timedelta(seconds=30)
    assert entry.ended_at - entry.begun_at == timedelta(minutes=30)


def test_an_order_that_a_copied_phone_opens_at_the_same_moment_is_opened_once(
    field: Field, make: Maker
) -> None:
    order_id = new_id()
    said = {"title": "Cracked boom", "asset_id": str(field.order.asset_id)}
    field.phone.say("order.open", {"order_id": str(order_id)} | said)
    with ThreadPoolExecutor(1) as pool:
        with unit_of_work(make.as_technician(field.technician)) as rival:
            work.open_order_on_site(
                rival, order_id, title=said["title"], asset_id=field.order.asset_id
            )
            rival.session.flush()
            answer = pool.submit(field.phone.push)
            time.sleep(0.5)
        assert statuses(answer.result()) == ["applied"]
    assert field.row(WorkOrder, order_id).title == said["title"]


def test_two_who_put_a_part_into_one_machine_for_the_first_time_at_once_are_both_believed(
    field: Field, make: Maker
) -> None:
    field.say("part.consume", part_id=str(make.part().id), qty=1)
    assert field.order.asset_id is not None
    with ThreadPoolExecutor(1) as pool:
        with unit_of_work(make.system) as rival:
            asset_place(rival, field.order.asset_id)
            rival.session.flush()
            answer = pool.submit(field.phone.push)
            time.sleep(0.5)
        assert statuses(answer.result()) == ["applied"]
    assert [use.qty for use in field.all(PartUse)] == [1]
