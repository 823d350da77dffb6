"""Work that nobody has been given: every engineer sees it, one takes it, the others lose it."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.ids import new_id
from core.unit import perform
from tests.doors import Phone, Visitor
from tests.makers import Maker
from tests.sync.field import Field, statuses
from work import actions as work
from work.models import Comment, OrderState, Visit, VisitState, WorkOrder


@pytest.fixture
def rival(make: Maker, phone: Callable[..., Phone]) -> Phone:
    """Give another engineer's phone."""
    account = make.account("technician")
    make.technician(account=account)
    return phone(account)


def claim(mobile: Phone, visit: Visit) -> Any:
    """Say that one takes the visit, and return what became of it."""
    mobile.say("visit.claim", {"visit_id": str(visit.id)})
    [result] = mobile.push()["results"]
    return result


def in_pool(mobile: Phone) -> set[str]:
    """Return the visits that the phone shows as anybody's."""
    return {doc["id"] for doc in mobile.docs("visit") if doc["technician_id"] is None}


def test_the_pool_brings_the_order_and_its_machine_to_every_engineer(
    field: Field, make: Maker, rival: Phone
) -> None:
    free = make.visit(order=make.order(title="Nobody's"))
    for mobile in (field.phone, rival):
        mobile.pull()
        assert in_pool(mobile) == {str(free.id)}
        assert str(free.order_id) in {doc["id"] for doc in mobile.docs("work_order")}
        assert mobile.docs("asset")
        assert mobile.docs("site")


def test_an_engineer_who_takes_a_visit_has_it_and_the_others_lose_it(
    field: Field, make: Maker, rival: Phone, sign_in: Callable[..., Visitor]
) -> None:
    free = make.visit(order=make.order())
    field.phone.pull()
    rival.pull()
    assert claim(field.phone, free)["status"] == "applied"
    field.phone.pull()
    rival.pull()
    assert str(free.id) in {doc["id"] for doc in field.phone.docs("visit")}
    assert str(free.id) not in {doc["id"] for doc in rival.docs("visit")}
    taken = field.row(Visit, free.id)
    assert (taken.state, taken.technician_id) == (VisitState.ACCEPTED, field.technician.id)
    assert field.row(WorkOrder, free.order_id).state is OrderState.SCHEDULED
    day = taken.day.isoformat()
    board = sign_in(make.account("dispatcher")).get(f"/v1/dispatch/board?day={day}")
    assert str(free.id) in str(board), "the dispatcher sees who took it"


def test_of_two_who_take_it_at_once_one_is_refused_and_loses_the_row(
    field: Field, make: Maker, rival: Phone
) -> None:
    free = make.visit(order=make.order())
    rival.pull()
    results: list[Any] = []
    together = threading.Barrier(2)

    def take(mobile: Phone) -> None:
        together.wait()
        results.append((mobile, claim(mobile, free)))

    threads = [threading.Thread(target=take, args=(mobile,)) for mobile in (field.phone, rival)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result["status"] for _, result in results) == ["applied", "refused"]
    [(loser, refused)] = [pair for pair in results if pair[1]["status"] == "refused"]
    assert refused["error"]["code"] == "taken"
    loser.pull()
    assert str(free.id) not in {doc["id"] for doc in loser.docs("visit")}


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_what_cannot_be_taken_is_refused_in_words(
    field: Field, make: Maker, language: str, sign_in: Callable[..., Visitor]
) -> None:
    free = make.visit(order=make.order(skills=[{"code": "crane", "level": 2}]))
    over = make.visit(order=make.order())
    waits = make.visit(order=make.order())
    perform(make.system, lambda unit: work.cancel_order(unit, over.order_id, reason="Sold"))
    perform(make.system, lambda unit: work.hold_order(unit, waits.order_id, reason="customer"))
    engineer = sign_in(field.account, language=language)
    for visit, code in ((free, "skill_missing"), (over, "not_open"), (waits, "not_open")):
        refused = engineer.call("PUT", f"/v1/visits/{visit.id}/claim")
        assert (refused.status_code, refused.json["code"]) == (409, code)
    assert "crane" in engineer.call("PUT", f"/v1/visits/{free.id}/claim").json["message"]


def test_a_certificate_that_has_run_out_is_no_skill(
    make: Maker, phone: Callable[..., Phone]
) -> None:
    account = make.account("technician")
    yesterday = (clock.now() - timedelta(days=2)).date().isoformat()
    make.technician(
        account=account, skills=[{"code": "crane", "level": 3, "expires_on": yesterday}]
    )
    free = make.visit(order=make.order(skills=[{"code": "crane", "level": 1}]))
    assert claim(phone(account), free)["error"]["code"] == "skill_missing"


def test_taking_a_visit_twice_is_taking_it_once(field: Field, make: Maker) -> None:
    free = make.visit(order=make.order())
    assert [claim(field.phone, free)["status"] for _ in range(2)] == ["applied"] * 2
    assert field.row(Visit, free.id).technician_id == field.technician.id


def test_a_plan_that_is_not_published_is_not_in_the_pool(field: Field, make: Maker) -> None:
    planned = make.visit(by=make.technician(), order=make.order(), state=VisitState.PROPOSED)
    field.phone.pull()
    assert str(planned.id) not in {doc["id"] for doc in field.phone.docs("visit")}


def test_an_app_of_schema_1_has_no_pool(
    field: Field, make: Maker, phone: Callable[..., Phone]
) -> None:
    free = make.visit(order=make.order())
    old = phone(field.account, schema=1)
    old.pull()
    assert str(free.id) not in {doc["id"] for doc in old.docs("visit")}


def open_order(mobile: Phone, **more: Any) -> dict[str, Any]:
    """Open an order without signal."""
    return mobile.say("order.open", {"order_id": str(new_id()), "title": "Cracked boom"} | more)


def test_an_order_opened_without_signal_may_be_spoken_of_at_once(field: Field) -> None:
    visit_id = str(new_id())
    opened = open_order(field.phone, asset_id=str(field.order.asset_id), visit_id=visit_id)
    order_id = opened["args"]["order_id"]
    after = {"depends_on": [opened["id"]]}
    field.phone.say("comment.add", {"order_id": order_id, "text": "Saw it"}, **after)
    field.phone.say("visit.start", {"visit_id": visit_id}, **after)
    field.phone.say("visit.complete", {"visit_id": visit_id, "findings": "Welded"}, **after)
    # The usual steps were left open, and a person is told so.
    assert statuses(field.phone.push()) == ["applied", "applied", "applied", "review"]
    field.phone.pull()
    [order] = [doc for doc in field.phone.docs("work_order") if doc["id"] == order_id]
    assert (order["title"], order["state"]) == ("Cracked boom", "work_done")


def test_an_order_opened_for_whoever_takes_it_is_in_the_pool(field: Field, rival: Phone) -> None:
    opened = open_order(field.phone, asset_id=str(field.order.asset_id))
    assert statuses(field.phone.push()) == ["applied"]
    rival.pull()
    assert opened["args"]["order_id"] in {doc["id"] for doc in rival.docs("work_order")}


def test_h27_a_note_on_an_order_whose_opening_was_refused_is_blocked_and_leaves_no_orphan(
    field: Field,
) -> None:
    opened = open_order(field.phone, asset_id=str(new_id()))
    order_id = opened["args"]["order_id"]
    field.phone.say(
        "comment.add", {"order_id": order_id, "text": "Saw it"}, depends_on=[opened["id"]]
    )
    field.phone.say("comment.add", {"order_id": str(field.order.id), "text": "Elsewhere"})
    answer = field.phone.push()
    assert statuses(answer) == ["refused", "blocked", "applied"]
    assert answer["results"][1]["error"]["details"]["depends_on"] == opened["id"]
    assert [comment.text for comment in field.all(Comment)] == ["Elsewhere"]


def test_an_order_is_opened_once_also_by_a_phone_that_was_registered_anew(
    field: Field, phone: Callable[..., Phone]
) -> None:
    said = [open_order(field.phone, asset_id=str(field.order.asset_id))]
    field.phone.push()
    assert statuses(phone(field.account).push(said)) == ["applied"]
    assert len([order for order in field.all(WorkOrder) if order.title == "Cracked boom"]) == 1


def test_a_phone_is_refused_in_every_language_and_chooses_its_own_without_signal(
    field: Field, make: Maker
) -> None:
    free = make.visit(order=make.order(skills=[{"code": "crane", "level": 2}]))
    field.phone.say("visit.claim", {"visit_id": str(free.id)})
    gone = field.phone.say("comment.add", {"order_id": str(new_id()), "text": "Seen"})
    refused, waits = field.phone.push()["results"]
    assert refused["error"]["details"]["skills"] == "crane"
    assert refused["error"]["messages"]["en"].startswith("This work asks for a skill")
    assert "技能：crane" in refused["error"]["messages"]["zh-CN"]
    assert waits["error"]["messages"]["zh-CN"] != waits["error"]["messages"]["en"]
    field.phone.pull()
    asked = {doc["mutation_id"]: doc for doc in field.phone.docs("attention")}
    for row in asked.values():
        assert row["messages"]["en"] == row["message"]
        assert row["messages"]["zh-CN"] != row["message"]
    assert gone["id"] in asked
