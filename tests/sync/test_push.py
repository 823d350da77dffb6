"""Push: applied once, in order, answered the same; facts never refused, nothing lost."""

import hashlib
import io
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from core import clock
from core.ids import new_id
from core.receipts import Receipt
from core.unit import perform, reading
from people.models import DeviceState
from sync import retention
from tests.doors import Phone, Visitor
from tests.makers import Maker
from work import actions as work
from work.models import (
    Attention,
    Comment,
    OrderState,
    PartUse,
    TimeEntry,
    Visit,
    VisitState,
    WorkOrder,
)


class Field:
    """A technician with a phone, a van and one visit."""

    def __init__(self, make: Maker, phone: Callable[..., Phone]) -> None:
        self.make = make
        account = make.account("technician")
        self.technician = make.technician(account=account)
        self.account = account
        self.order = make.order(checklist=[])
        self.visit = make.visit(by=self.technician, order=self.order)
        self.phone = phone(account)

    def say(self, kind: str, **args: Any) -> dict[str, Any]:
        return self.phone.say(kind, {"visit_id": str(self.visit.id)} | args)

    def comment(self, text: str, **more: Any) -> dict[str, Any]:
        return self.phone.say("comment.add", {"order_id": str(self.order.id), "text": text}, **more)

    def row(self, model: Any, row_id: UUID) -> Any:
        with reading(self.make.system) as unit:
            return unit.must(model, row_id, "gone")

    def all(self, model: Any) -> list[Any]:
        with reading(self.make.system) as unit:
            return list(unit.session.scalars(sa.select(model)).all())


@pytest.fixture
def field(make: Maker, phone: Callable[..., Phone]) -> Field:
    return Field(make, phone)


def statuses(answer: dict[str, Any]) -> list[str]:
    return [result["status"] for result in answer["results"]]


def test_h21_a_lost_answer_is_asked_for_again_and_nothing_happens_twice(field: Field) -> None:
    said = [
        field.comment("One"),
        field.say("visit.travel"),
        field.say("visit.complete", findings="Done"),
    ]
    first = field.phone.push(said)
    again = field.phone.push(said)
    assert statuses(first) == ["applied"] * 3
    assert [r["replayed"] for r in first["results"]] == [False] * 3
    assert [r["replayed"] for r in again["results"]] == [True] * 3
    for one, two in zip(first["results"], again["results"], strict=True):
        assert one | {"replayed": True} == two
    assert len(field.all(Comment)) == 1


def test_h22_the_same_batch_ten_times_at_once_is_applied_once(field: Field, app: Flask) -> None:
    said = [field.comment(str(number)) for number in range(5)]
    answers: list[Any] = []

    def push() -> None:
        visitor = Visitor(
            app.test_client(), field.phone.headers["Authorization"].removeprefix("Bearer ")
        )
        body = {"device_id": str(field.phone.device_id), "schema": 1, "mutations": said}
        answers.append(visitor.call("POST", "/v1/sync/push", body))

    threads = [threading.Thread(target=push) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(comment.text for comment in field.all(Comment)) == ["0", "1", "2", "3", "4"]
    assert {tuple(statuses(answer.json)) for answer in answers} == {("applied",) * 5}


def test_h23_poison_among_good_ones_is_refused_and_the_rest_goes_on(field: Field) -> None:
    field.comment("before")
    field.phone.say("no.such.thing", {"x": 1})
    field.phone.say("comment.add", {"order_id": "not an id", "text": "x"})
    field.phone.say("comment.add", {"order_id": str(field.order.id)})
    field.say("part.consume", part_id=str(new_id()), qty="many")
    field.phone.say("comment.add", {"order_id": str(field.order.id), "text": "\x00"})
    field.comment("after")
    answer = field.phone.push()
    assert statuses(answer) == [
        "applied",
        "refused",
        "refused",
        "refused",
        "refused",
        "refused",
        "applied",
    ]
    assert answer["results"][1]["error"]["code"] == "unknown_mutation"
    assert "text" in answer["results"][3]["error"]["details"]["fields"]
    assert answer["last_seq"] == 7
    assert sorted(comment.text for comment in field.all(Comment)) == ["after", "before"]
    assert len(field.all(Attention)) == 5, "what was refused stays visible"


def test_h24_a_gap_applies_nothing_and_says_what_is_expected(field: Field) -> None:
    one, two, three = field.comment("1"), field.comment("2"), field.comment("3")
    for said, expected in (([two], 1), ([three, one], 1), ([one, three], 2)):
        body = {"device_id": str(field.phone.device_id), "schema": 1, "mutations": said}
        refused = field.phone.call("POST", "/v1/sync/push", body)
        assert (refused.status_code, refused.json["code"]) == (409, "gap")
        assert refused.json["details"]["expected_seq"] == expected
    assert field.all(Comment) == []
    assert statuses(field.phone.push([one, two, three])) == ["applied"] * 3


def test_h25_a_number_used_for_something_else_tells_a_copied_phone_to_register_anew(
    field: Field, phone: Callable[..., Phone]
) -> None:
    field.comment("first")
    field.phone.push()
    field.phone.seq = 0
    other = field.comment("second")
    body = {"device_id": str(field.phone.device_id), "schema": 1, "mutations": [other]}
    refused = field.phone.call("POST", "/v1/sync/push", body)
    assert (refused.status_code, refused.json["code"]) == (409, "device_forked")
    anew = phone(field.account)
    assert statuses(anew.push([other])) == ["applied"]
    assert sorted(comment.text for comment in field.all(Comment)) == ["first", "second"]


def test_h27_what_depends_on_a_refused_mutation_is_blocked_and_kept(field: Field) -> None:
    refused = field.say("visit.decline", reason="")
    blocked = field.comment("Because I declined", depends_on=[refused["id"]])
    further = field.comment("And so on", depends_on=[blocked["id"]])
    field.comment("Something else")
    answer = field.phone.push()
    assert statuses(answer) == ["refused", "blocked", "blocked", "applied"]
    assert answer["results"][1]["error"]["details"]["depends_on"] == refused["id"]
    with reading(field.make.system) as unit:
        receipt = unit.session.get(Receipt, (unit.org_id, field.phone.device_id, further["id"]))
        assert receipt is not None
        assert b"And so on" in (receipt.said or b"")


def test_h28_the_answer_names_the_versions_and_the_next_pull_brings_none_older(
    field: Field,
) -> None:
    field.phone.pull()
    field.say("visit.travel")
    [result] = field.phone.push()["results"]
    version = result["versions"][f"visit:{field.visit.id}"]
    field.phone.pull()
    assert field.phone.held[("visit", str(field.visit.id))]["version"] >= version


def test_h31_office_and_engineer_change_different_things_and_both_stand(field: Field) -> None:
    base = field.row(Visit, field.visit.id).version
    moved = clock.now() + timedelta(hours=4)
    perform(field.make.system, lambda unit: work.edit_visit(unit, field.visit.id, window_to=moved))
    field.say("visit.answer", key="hours", value=812)
    field.phone.outbox[-1]["base"] = {"visit": base}
    assert statuses(field.phone.push()) == ["applied"]
    visit = field.row(Visit, field.visit.id)
    assert (visit.answers, visit.window_to) == ({"hours": 812}, moved)


def test_h32_the_same_field_keeps_the_office_s_value_and_both_are_settled_by_a_person(
    field: Field, make: Maker, phone: Callable[..., Phone], sign_in: Callable[..., Visitor]
) -> None:
    account = make.account("technician", "dispatcher")
    make.technician(account=account)
    both = phone(account)
    base = field.row(WorkOrder, field.order.id).version
    perform(make.system, lambda unit: work.edit_order(unit, field.order.id, priority=1))
    both.say(
        "order.edit",
        {"order_id": str(field.order.id), "priority": 4, "title": "New title"},
        base={"work_order": base},
    )
    [result] = both.push()["results"]
    assert result["status"] == "merged"
    order = field.row(WorkOrder, field.order.id)
    assert (order.priority, order.title) == (1, "New title")
    [conflict] = field.all(Attention)
    assert (conflict.field, conflict.office_value, conflict.phone_value) == (
        "priority",
        {"value": 1},
        {"value": 4},
    )
    office = sign_in(make.account("dispatcher"))
    for _ in range(2):
        office.send("PUT", f"/v1/attention/{conflict.id}/settlement", {"keep": "phone"})
    assert field.row(WorkOrder, field.order.id).priority == 4


def test_h33_a_completion_of_a_cancelled_order_is_kept_for_a_person(field: Field) -> None:
    perform(field.make.system, lambda unit: work.cancel_order(unit, field.order.id, reason="Sold"))
    field.say("visit.complete", findings="It was the seal")
    [result] = field.phone.push()["results"]
    assert result["status"] == "review"
    visit = field.row(Visit, field.visit.id)
    assert (visit.state, visit.findings, visit.needs_review) == (
        VisitState.CANCELLED,
        "It was the seal",
        True,
    )
    assert field.row(WorkOrder, field.order.id).state is OrderState.CANCELLED


def test_h20_evidence_for_a_visit_that_went_to_somebody_else_is_kept(
    field: Field, make: Maker
) -> None:
    other = make.technician()
    part = make.part()
    make.stock(field.technician.van_place_id, part, 1)
    perform(make.system, lambda unit: work.edit_visit(unit, field.visit.id, technician_id=other.id))
    field.comment("I was there")
    field.say("photo.attach", id=str(new_id()), sha256="a" * 64)
    field.say("part.consume", id=str(new_id()), part_id=str(part.id), qty=1)
    field.say("visit.complete", findings="Repaired before I heard of it")
    answer = field.phone.push()
    assert statuses(answer) == ["applied", "review", "review", "review"]
    row = max(field.all(Attention), key=lambda one: "args" in str(one.phone_value))
    assert row.phone_value["value"]["args"]["findings"] == "Repaired before I heard of it"
    assert len(field.all(PartUse)) == 1


def test_h34_a_van_that_goes_below_nothing_is_told_of_and_loses_no_mutation(
    field: Field, make: Maker
) -> None:
    part = make.part()
    make.stock(field.technician.van_place_id, part, 2)
    field.say("part.consume", id=str(new_id()), part_id=str(part.id), qty=3)
    [result] = field.phone.push()["results"]
    assert result["status"] == "applied"
    [notice] = result["notices"]
    assert notice["kind"] == "stock"
    assert notice["message"] == notice["messages"]["en"]
    assert set("书账车库存") & set(notice["messages"]["zh-CN"])


@pytest.mark.parametrize(
    "wrong", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=365), timedelta(days=-365)]
)
def test_h35_a_wrong_clock_changes_no_order_and_times_are_put_right(
    field: Field, wrong: timedelta
) -> None:
    now = clock.now()
    field.say("visit.travel")
    field.phone.outbox[-1]["happened_at"] = (now + wrong - timedelta(minutes=10)).isoformat()
    assert statuses(field.phone.push(device_time=(now + wrong).isoformat())) == ["applied"]
    travelled = field.row(Visit, field.visit.id).travel_started_at
    assert abs(travelled - (now - timedelta(minutes=10))) < timedelta(seconds=30)


def test_a_time_in_the_future_is_never_believed(field: Field) -> None:
    field.say("visit.travel")
    field.phone.outbox[-1]["happened_at"] = (clock.now() + timedelta(days=3)).isoformat()
    assert statuses(field.phone.push()) == ["applied"]
    assert field.row(Visit, field.visit.id).travel_started_at <= clock.now()


def test_h52_a_revoked_device_pulls_nothing_and_what_it_says_is_quarantined(
    field: Field, make: Maker, sign_in: Callable[..., Visitor]
) -> None:
    office = sign_in(make.account("dispatcher"))
    office.send("PUT", f"/v1/devices/{field.phone.device_id}/revocation")
    field.comment("From a stolen phone")
    answer = field.phone.push()
    assert statuses(answer) == ["quarantined"]
    assert field.all(Comment) == []
    refused = field.phone.call(
        "POST", "/v1/sync/pull", {"device_id": str(field.phone.device_id), "schema": 1}
    )
    assert (refused.status_code, refused.json["code"], refused.json["details"]["wipe"]) == (
        403,
        "device_revoked",
        True,
    )
    assert field.phone.call("GET", "/v1/visits").status_code == 403
    assert [row.kind for row in field.all(Attention)] == ["quarantined"]


def test_a_suspended_device_that_is_let_back_in_goes_on(
    field: Field, make: Maker, sign_in: Callable[..., Visitor]
) -> None:
    office = sign_in(make.account("dispatcher"))
    office.send("PUT", f"/v1/devices/{field.phone.device_id}/suspension")
    field.comment("While suspended")
    assert statuses(field.phone.push()) == ["quarantined"]
    office.send("DELETE", f"/v1/devices/{field.phone.device_id}/suspension")
    field.comment("Afterwards")
    assert statuses(field.phone.push()) == ["applied"]


def test_h55_one_person_with_two_phones_and_two_on_one_phone_do_not_mix(
    field: Field, make: Maker, phone: Callable[..., Phone]
) -> None:
    second = phone(field.account)
    second.say("comment.add", {"order_id": str(field.order.id), "text": "From the other phone"})
    field.comment("From this one")
    assert statuses(second.push()) == ["applied"]
    assert statuses(field.phone.push()) == ["applied"]
    other = make.account("technician")
    make.technician(account=other)
    card = {
        "id": str(field.phone.device_id),
        "name": "P",
        "platform": "t",
        "app_version": "1",
        "schema": 1,
    }
    refused = Visitor(field.phone.client).call(
        "POST",
        "/v1/session",
        {"email": other.email, "password": "correct horse battery", "device": card},
    )
    assert refused.status_code == 422


def test_receipts_are_kept_for_long_after_the_device_has_confirmed_them(
    field: Field, at: Any
) -> None:
    field.comment("1")
    field.phone.push()
    field.comment("2")
    field.phone.push(confirmed_seq=1)

    def kept() -> Any:
        retention.forget_receipts(field.make.system)
        with reading(field.make.system) as unit:
            return unit.session.scalars(sa.select(Receipt.seq).order_by(Receipt.seq)).all()

    now = clock.now()
    at(now + timedelta(days=89))
    assert kept() == [1, 2]
    at(now + timedelta(days=91))
    assert kept() == [2]


def test_h25_what_a_copied_phone_says_again_on_its_new_device_takes_effect_once(
    field: Field,
) -> None:
    field.comment("Once")
    said = [dict(mutation) for mutation in field.phone.outbox]
    field.phone.push()
    field.phone.device_id = new_id()
    field.phone.sign_in()
    field.phone.outbox = said
    results = field.phone.push()["results"]
    assert [(r["seq"], r["status"], r["replayed"]) for r in results] == [(1, "applied", True)]
    assert [comment.text for comment in field.all(Comment)] == ["Once"]


def test_a_batch_that_is_too_large_is_refused_whole_with_the_limit(field: Field) -> None:
    body = {
        "device_id": str(field.phone.device_id),
        "schema": 1,
        "mutations": [field.comment(str(n)) for n in range(501)],
    }
    refused = field.phone.call("POST", "/v1/sync/push", body)
    assert (refused.status_code, refused.json["details"]["limit"]) == (413, 500)
    assert field.all(Comment) == []


def test_another_device_s_id_is_refused(
    field: Field, make: Maker, phone: Callable[..., Phone]
) -> None:
    other = make.account("technician")
    make.technician(account=other)
    thief = phone(other)
    body = {"device_id": str(field.phone.device_id), "schema": 1, "mutations": []}
    assert thief.call("POST", "/v1/sync/push", body).status_code == 403


def test_push_and_pull_in_one_round_trip(field: Field) -> None:
    field.comment("Both ways")
    device = str(field.phone.device_id)
    body = {
        "push": {"device_id": device, "schema": 1, "mutations": field.phone.outbox},
        "pull": {"device_id": device, "schema": 1},
    }
    answer = field.phone.send("POST", "/v1/sync", body)
    assert statuses(answer["push"]) == ["applied"]
    assert "comment" in {change["entity"] for change in answer["pull"]["changes"]}


def test_a_device_tells_how_much_it_has_not_sent_and_the_office_sees_it(
    field: Field, make: Maker, sign_in: Callable[..., Visitor]
) -> None:
    field.comment("One of many")
    field.phone.push(unsent=12)
    [device] = sign_in(make.account("dispatcher")).get("/v1/devices")["items"]
    assert (device["unsent"], device["account_name"], device["state"]) == (
        12,
        field.account.name,
        DeviceState.ACTIVE.value,
    )


def test_a_stranger_s_sign_off_is_kept_for_a_person_and_never_becomes_the_visit_s(
    field: Field, make: Maker, phone: Callable[..., Phone]
) -> None:
    other = make.account("technician")
    make.technician(account=other)
    thief = phone(other)
    thief.say(
        "signoff.seal",
        {
            "visit_id": str(field.visit.id),
            "manifest": {"visit_id": str(field.visit.id)},
            "manifest_sha256": "0" * 64,
            "refusal": {"reason": "x"},
        },
    )
    assert statuses(thief.push()) == ["review"]
    assert field.row(Visit, field.visit.id).signoff_id is None


def test_a_mutation_s_own_id_serves_where_the_new_row_was_given_none(
    field: Field, make: Maker
) -> None:
    part = make.part()
    said = field.say("part.consume", part_id=str(part.id), qty=1)
    assert statuses(field.phone.push()) == ["applied"]
    assert [str(use.id) for use in field.all(PartUse)] == [said["id"]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"happened_at": "yesterday"},
        {"happened_at": "9999-12-31T23:59:59Z"},
        {"base": {"visit": "seven"}},
        {"args": [1, 2]},
        {
            "args": {
                "deep": [
                    [
                        [
                            [
                                [
                                    [
                                        [
                                            [
                                                [
                                                    [
                                                        [
                                                            [
                                                                [
                                                                    [
                                                                        [
                                                                            [
                                                                                [
                                                                                    [
                                                                                        [
                                                                                            [
                                                                                                [
                                                                                                    [
                                                                                                        [
                                                                                                            [
                                                                                                                [
                                                                                                                    [
                                                                                                                        [
                                                                                                                            [
                                                                                                                                [
                                                                                                                                    [
                                                                                                                                        [
                                                                                                                                            [
                                                                                                                                                [
                                                                                                                                                    [
                                                                                                                                                        [
                                                                                                                                                            [
                                                                                                                                                                [
                                                                                                                                                                    [
                                                                                                                                                                        [
                                                                                                                                                                            [
                                                                                                                                                                                [
                                                                                                                                                                                    [
                                                                                                                                                                                        [
                                                                                                                                                                                            [
                                                                                                                                                                                                [
                                                                                                                                                                                                    [
                                                                                                                                                                                                        [
                                                                                                                                                                                                            [
                                                                                                                                                                                                                [
                                                                                                                                                                                                                    [
                                                                                                                                                                                                                        [
                                                                                                                                                                                                                            [
                                                                                                                                                                                                                                [
                                                                                                                                                                                                                                    [
                                                                                                                                                                                                                                        [
                                                                                                                                                                                                                                            [
                                                                                                                                                                                                                                                [
                                                                                                                                                                                                                                                    [
                                                                                                                                                                                                                                                        [
                                                                                                                                                                                                                                                            [
                                                                                                                                                                                                                                                                [
                                                                                                                                                                                                                                                                    [
                                                                                                                                                                                                                                                                        [
                                                                                                                                                                                                                                                                            [
                                                                                                                                                                                                                                                                                [
                                                                                                                                                                                                                                                                                    [
                                                                                                                                                                                                                                                                                        [
                                                                                                                                                                                                                                                                                            [
                                                                                                                                                                                                                                                                                                [
                                                                                                                                                                                                                                                                                                    [
                                                                                                                                                                                                                                                                                                        1
                                                                                                                                                                                                                                                                                                    ]
                                                                                                                                                                                                                                                                                                ]
                                                                                                                                                                                                                                                                                            ]
                                                                                                                                                                                                                                                                                        ]
                                                                                                                                                                                                                                                                                    ]
                                                                                                                                                                                                                                                                                ]
                                                                                                                                                                                                                                                                            ]
                                                                                                                                                                                                                                                                        ]
                                                                                                                                                                                                                                                                    ]
                                                                                                                                                                                                                                                                ]
                                                                                                                                                                                                                                                            ]
                                                                                                                                                                                                                                                        ]
                                                                                                                                                                                                                                                    ]
                                                                                                                                                                                                                                                ]
                                                                                                                                                                                                                                            ]
                                                                                                                                                                                                                                        ]
                                                                                                                                                                                                                                    ]
                                                                                                                                                                                                                                ]
                                                                                                                                                                                                                            ]
                                                                                                                                                                                                                        ]
                                                                                                                                                                                                                    ]
                                                                                                                                                                                                                ]
                                                                                                                                                                                                            ]
                                                                                                                                                                                                        ]
                                                                                                                                                                                                    ]
                                                                                                                                                                                                ]
                                                                                                                                                                                            ]
                                                                                                                                                                                        ]
                                                                                                                                                                                    ]
                                                                                                                                                                                ]
                                                                                                                                                                            ]
                                                                                                                                                                        ]
                                                                                                                                                                    ]
                                                                                                                                                                ]
                                                                                                                                                            ]
                                                                                                                                                        ]
                                                                                                                                                    ]
                                                                                                                                                ]
                                                                                                                                            ]
                                                                                                                                        ]
                                                                                                                                    ]
                                                                                                                                ]
                                                                                                                            ]
                                                                                                                        ]
                                                                                                                    ]
                                                                                                                ]
                                                                                                            ]
                                                                                                        ]
                                                                                                    ]
                                                                                                ]
                                                                                            ]
                                                                                        ]
                                                                                    ]
                                                                                ]
                                                                            ]
                                                                        ]
                                                                    ]
                                                                ]
                                                            ]
                                                        ]
                                                    ]
                                                ]
                                            ]
                                        ]
                                    ]
                                ]
                            ]
                        ]
                    ]
                ]
            }
        },
        {"args": {"order_id": "x", "text": "\x00"}},
        {"args": {"number": 2**64}},
        {"type": None},
    ],
)
def test_h23_one_envelope_that_makes_no_sense_is_refused_by_itself(
    field: Field, wrong: dict[str, Any]
) -> None:
    field.comment("before")
    field.comment("wrong")
    field.phone.outbox[-1].update(wrong)
    field.comment("after")
    said = list(field.phone.outbox)
    assert statuses(field.phone.push()) == ["applied", "refused", "applied"]
    assert [result["replayed"] for result in field.phone.push(said)["results"]] == [True] * 3


def test_a_phone_whose_clock_lost_its_battery_still_speaks(field: Field) -> None:
    field.say("visit.travel")
    field.phone.outbox[-1]["happened_at"] = "1970-01-01T00:03:00Z"
    assert statuses(field.phone.push(device_time="1970-01-01T00:05:00Z")) == ["applied"]
    travelled = field.row(Visit, field.visit.id).travel_started_at
    assert abs(travelled - clock.now() + timedelta(minutes=2)) < timedelta(seconds=30)


def test_what_is_over_is_not_edited_by_a_late_word(field: Field) -> None:
    field.say("visit.complete", findings="Done", answers={"a": 1})
    field.say("visit.pause", reason="Forgot something")
    field.say("visit.answer", key="a", value=2)
    assert statuses(field.phone.push()) == ["applied", "review", "review"]
    visit = field.row(Visit, field.visit.id)
    assert (visit.answers, visit.outcome_reason) == ({"a": 1}, None)


def test_a_photo_that_hangs_on_two_visits_is_shown_to_both(
    field: Field, make: Maker, phone: Callable[..., Phone], sign_in: Callable[..., Visitor]
) -> None:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG")
    name = hashlib.sha256(out.getvalue()).hexdigest()
    other = make.account("technician")
    theirs = make.visit(by=make.technician(account=other))
    second = phone(other)
    field.say("photo.attach", id=str(new_id()), sha256=name)
    second.say("photo.attach", {"visit_id": str(theirs.id), "id": str(new_id()), "sha256": name})
    for one in (field.phone, second):
        assert statuses(one.push()) == ["applied"]
    put = field.phone.client.put(
        f"/v1/files/{name}",
        data=out.getvalue(),
        headers=field.phone.headers,
        content_type="image/png",
    )
    assert put.status_code == 201
    for one in (field.phone, second):
        assert one.call("GET", f"/v1/files/{name}").status_code == 200


def test_h27_what_depends_on_something_refused_in_an_earlier_batch_is_blocked(field: Field) -> None:
    refused = field.phone.say("order.edit", {"order_id": str(new_id()), "title": "Nowhere"})
    assert field.phone.push()["results"][0]["status"] == "refused"
    field.comment("And so", depends_on=[refused["id"]])
    result = field.phone.push()["results"][0]
    assert result["status"] == "blocked"
    assert result["error"]["details"]["depends_on"] == refused["id"]
    assert field.all(Comment) == []


@pytest.mark.parametrize("levels", [80, 253, 300, 900])
def test_h23_what_is_nested_too_deeply_is_refused_and_stands_in_nobodys_way(
    field: Field, levels: int
) -> None:
    deep: Any = 1
    for _ in range(levels):
        deep = [deep]
    order = str(field.order.id)
    field.phone.say("comment.add", {"order_id": order, "text": "Odd", "more": deep})
    field.phone.say("comment.add", {"order_id": order, "text": "After it"})
    assert statuses(field.phone.push()) == ["refused", "applied"]
    [matter] = [row for row in field.all(Attention) if row.kind == "refused"]
    assert matter.phone_value


def test_a_time_of_several_days_is_kept_for_a_person_to_look_at(field: Field) -> None:
    begun = clock.now() - timedelta(days=400)
    args = {"kind": "work", "begun_at": begun.isoformat(), "ended_at": clock.now().isoformat()}
    field.phone.say("time.add", {"visit_id": str(field.visit.id), "id": str(new_id())} | args)
    assert statuses(field.phone.push()) == ["review"]
    assert field.all(TimeEntry) == []
