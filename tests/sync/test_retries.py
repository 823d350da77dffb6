"""What was not taken: kept whole, settled from both sides, said again by the office."""

from collections.abc import Callable
from typing import Any

import pytest

from core import clock
from core.ids import new_id
from core.unit import perform
from tests.doors import Phone, Visitor
from tests.makers import Maker
from tests.sync.field import Field, statuses
from work import actions as work
from work.models import Attention, Comment, TimeEntry, Visit, VisitState, WorkOrder


@pytest.fixture
def office(make: Maker, sign_in: Callable[..., Visitor]) -> Visitor:
    """Give a dispatcher."""
    return sign_in(make.account("dispatcher", name="Dispatcher"))


def conflict(field: Field, make: Maker, phone: Callable[..., Phone]) -> tuple[Phone, Attention]:
    """Let the office and an engineer who also plans change the same field."""
    account = make.account("technician", "dispatcher")
    make.technician(account=account)
    both = phone(account)
    base = field.row(WorkOrder, field.order.id).version
    perform(make.system, lambda unit: work.edit_order(unit, field.order.id, priority=1))
    both.say(
        "order.edit", {"order_id": str(field.order.id), "priority": 4}, base={"work_order": base}
    )
    both.push()
    [row] = field.all(Attention)
    return both, row


def test_h32_a_conflict_is_settled_from_the_phone_and_a_second_word_changes_nothing(
    field: Field, make: Maker, phone: Callable[..., Phone], office: Visitor
) -> None:
    both, row = conflict(field, make, phone)
    both.pull()
    [shown] = both.docs("attention")
    assert (shown["office_value"], shown["phone_value"]) == ({"value": 1}, {"value": 4})
    both.say("attention.settle", {"attention_id": shown["id"], "keep": "phone", "note": "Urgent"})
    assert statuses(both.push()) == ["applied"]
    office.send("PUT", f"/v1/attention/{row.id}/settlement", {"keep": "office"})
    assert field.row(WorkOrder, field.order.id).priority == 4
    settled = field.row(Attention, row.id)
    assert (settled.kept, settled.note, settled.office_value) == ("phone", "Urgent", {"value": 1})
    both.pull()
    assert both.docs("attention") == [], "what is settled leaves the phone"


def test_nobody_settles_what_is_another_engineer_s(
    field: Field, make: Maker, phone: Callable[..., Phone]
) -> None:
    _, row = conflict(field, make, phone)
    field.phone.say("attention.settle", {"attention_id": str(row.id), "keep": "phone"})
    [result] = field.phone.push()["results"]
    assert (result["status"], result["error"]["code"]) == ("refused", "forbidden")
    assert field.row(Attention, row.id).state == "open"


def deleted(field: Field, make: Maker) -> None:
    """Let the order be deleted in the office."""

    def delete(unit: Any) -> None:
        unit.take(WorkOrder, field.order.id).deleted_at = clock.now()

    perform(make.system, delete)


def test_h18_an_edit_to_what_was_deleted_is_refused_as_gone_and_brings_nothing_back(
    field: Field, make: Maker, phone: Callable[..., Phone]
) -> None:
    account = make.account("technician", "dispatcher")
    make.technician(account=account)
    both = phone(account)
    deleted(field, make)
    order_id = str(field.order.id)
    both.say("order.edit", {"order_id": order_id, "title": "Still here"})
    both.say(
        "order.open",
        {"order_id": order_id, "title": "Anew", "asset_id": str(field.order.asset_id)},
    )
    both.say("comment.add", {"order_id": order_id, "text": "A word"})
    answer = both.push()
    assert statuses(answer) == ["refused", "refused", "review"]
    assert {result["error"]["code"] for result in answer["results"]} == {"gone"}
    order = field.row(WorkOrder, field.order.id)
    assert (order.title, order.deleted_at is not None) == ("Leaking cylinder", True)
    assert field.all(Comment) == []
    field.phone.pull()
    assert field.phone.docs("work_order") == []


def test_h33_a_report_on_a_cancelled_order_is_kept_with_the_office_s_state_beside_it(
    field: Field, make: Maker
) -> None:
    perform(make.system, lambda unit: work.cancel_order(unit, field.order.id, reason="Sold"))
    field.say("visit.start")
    field.say("visit.complete", findings="It was the seal", answers={"hours": 812})
    assert statuses(field.phone.push())[-1] == "review"
    visit = field.row(Visit, field.visit.id)
    assert (visit.state, visit.findings, visit.answers["hours"]) == (
        VisitState.CANCELLED,
        "It was the seal",
        812,
    )
    row = max(field.all(Attention), key=lambda one: one.created_at)
    assert row.office_value == {"value": {"state": "cancelled"}}
    assert row.phone_value["value"]["findings"] == "It was the seal"


def test_h34_two_engineers_take_three_and_two_of_ten_and_five_are_left(
    make: Maker, phone: Callable[..., Phone]
) -> None:
    from parts.models import Place, StockAccount, account_id_of

    part = make.part()
    lead = make.technician(account=make.account("technician"))
    mate_account = make.account("technician")
    mate = make.technician(account=mate_account, van=False)

    def share(unit: Any) -> None:
        unit.must(type(mate), mate.id, "gone").van_place_id = lead.van_place_id

    perform(make.system, share)
    make.stock(lead.van_place_id, part, 10)
    with_unit = perform(make.system, lambda unit: unit.must(type(lead), lead.id, "gone"))
    from people.models import Account

    lead_account = perform(
        make.system, lambda unit: unit.must(Account, with_unit.account_id, "gone")
    )
    said = []
    for account, technician, qty in ((lead_account, lead, 3), (mate_account, mate, 2)):
        mobile = phone(account)
        visit = make.visit(by=technician, order=make.order())
        mobile.say(
            "part.consume",
            {"visit_id": str(visit.id), "id": str(new_id()), "part_id": str(part.id), "qty": qty},
        )
        said.append(mobile)
    assert [statuses(mobile.push()) for mobile in said] == [["applied"]] * 2

    def left(unit: Any) -> int:
        place = unit.must(Place, lead.van_place_id, "gone")
        return unit.must(StockAccount, account_id_of(place.id, part.id), "gone").on_hand

    assert perform(make.system, left) == 5


def test_the_office_says_a_refused_mutation_again_corrected(
    field: Field, make: Maker, office: Visitor
) -> None:
    opened = field.phone.say(
        "order.open",
        {"order_id": str(new_id()), "title": "Cracked boom", "asset_id": str(new_id())},
    )
    note = {"order_id": opened["args"]["order_id"], "text": "Saw it myself"}
    field.phone.say("comment.add", note, depends_on=[opened["id"]])
    assert statuses(field.phone.push()) == ["refused", "blocked"]
    refused, blocked = sorted(field.all(Attention), key=lambda row: row.phone_value["value"]["seq"])
    again = f"/v1/attention/{refused.id}/retry"
    assert office.call("POST", again, {}).status_code == 404, "as it was said it is refused again"
    assert field.row(Attention, refused.id).state == "open"
    better = opened["args"] | {"asset_id": str(field.order.asset_id)}
    for _ in range(2):
        assert office.send("POST", again, {"args": better})["state"] == "settled"
    office.send("POST", f"/v1/attention/{blocked.id}/retry")
    [comment] = field.all(Comment)
    assert comment.text == "Saw it myself"
    assert comment.author == f"{field.technician.name} (Dispatcher)"
    assert comment.at < field.row(Attention, blocked.id).settled_at, "at the time it was said"
    assert [order.title for order in field.all(WorkOrder)].count("Cracked boom") == 1


def test_what_depends_on_something_the_office_has_let_pass_is_not_blocked_any_more(
    field: Field, office: Visitor
) -> None:
    args = {"order_id": str(new_id()), "title": "Cracked boom", "asset_id": str(new_id())}
    opened = field.phone.say("order.open", args)
    field.phone.push()
    [refused] = field.all(Attention)
    better = args | {"asset_id": str(field.order.asset_id)}
    office.send("POST", f"/v1/attention/{refused.id}/retry", {"args": better})
    field.phone.say(
        "comment.add", {"order_id": args["order_id"], "text": "Later"}, depends_on=[opened["id"]]
    )
    assert statuses(field.phone.push()) == ["applied"]


def test_what_a_suspended_device_said_is_let_in_by_the_office(
    field: Field, office: Visitor
) -> None:
    office.send("PUT", f"/v1/devices/{field.phone.device_id}/suspension")
    field.time(20)
    assert statuses(field.phone.push()) == ["quarantined"]
    [kept] = field.all(Attention)
    office.send("POST", f"/v1/attention/{kept.id}/retry")
    assert [entry.technician_id for entry in field.all(TimeEntry)] == [field.technician.id]


def test_what_was_dismissed_or_never_said_is_not_applied(field: Field, office: Visitor) -> None:
    field.time(20, kind="sleeping")
    field.phone.push()
    [kept] = field.all(Attention)
    office.send("PUT", f"/v1/attention/{kept.id}/settlement", {"keep": "office"})
    assert office.send("POST", f"/v1/attention/{kept.id}/retry")["state"] == "settled"
    assert field.all(TimeEntry) == []
    review = perform(
        field.make.system,
        lambda unit: work.raise_attention(
            unit,
            kind="review",
            entity="visit",
            entity_id=field.visit.id,
            message="The customer disputes the work.",
        ),
    )
    answer = office.call("POST", f"/v1/attention/{review.id}/retry", {})
    assert (answer.status_code, answer.json["code"]) == (409, "not_retryable")


def test_an_engineer_does_not_let_their_own_refusals_pass(
    field: Field, sign_in: Callable[..., Visitor]
) -> None:
    field.time(20, kind="sleeping")
    field.phone.push()
    [kept] = field.all(Attention)
    refused = sign_in(field.account).call("POST", f"/v1/attention/{kept.id}/retry", {})
    assert refused.status_code == 403
