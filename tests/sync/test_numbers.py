"""Ids and numbers: what a phone may call its sayings, and what becomes of a name that was taken."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from core.ids import new_id
from core.shapes import LARGEST_NUMBER
from sync.epochs import LONGEST_BRIDGE
from tests.doors import Phone
from tests.makers import Maker
from tests.sync.field import Field, statuses
from work.models import Attention, Comment


@pytest.fixture
def field(make: Maker, phone: Callable[..., Phone]) -> Field:
    return Field(make, phone)


def comment(field: Field, text: str) -> dict[str, Any]:
    return field.phone.say("comment.add", {"order_id": str(field.order.id), "text": text})


def jump(field: Field, seq: int) -> Any:
    """Say something under a number far ahead, and claim that all before it was answered."""
    field.phone.seq = seq - 1
    body = {
        "device_id": str(field.phone.device_id),
        "schema": 2,
        "confirmed_seq": seq - 1,
        "mutations": [comment(field, "From far ahead")],
    }
    field.phone.outbox.clear()
    return field.phone.call("POST", "/v1/sync/push", body)


def test_h25_a_fact_under_an_id_that_meant_something_else_elsewhere_is_kept_for_a_person(
    field: Field, phone: Callable[..., Phone]
) -> None:
    said = comment(field, "The pump leaks")
    field.phone.push()
    other = said | {"args": said["args"] | {"id": str(new_id()), "text": "The valve is stuck"}}
    second = phone(field.account)
    after = {**said, "id": str(new_id()), "seq": 2}

    for replayed in (False, True):
        answer = second.push([other, after])
        assert statuses(answer) == ["review", "applied"]
        assert answer["results"][0]["error"]["code"] == "key_reused"
        assert [result["replayed"] for result in answer["results"]] == [replayed] * 2

    assert {row.text for row in field.all(Comment)} == {"The pump leaks"}
    [kept] = field.all(Attention)
    assert kept.phone_value["value"]["args"]["text"] == "The valve is stuck"
    # The very same words are answered as they were on either phone, whatever number they have here.
    for words, status in ((said, "applied"), (other, "review")):
        third = phone(field.account)
        third.push([{**after, "id": str(new_id()), "seq": 1}])
        [result] = third.push([{**words, "seq": 2}])["results"]
        assert (result["status"], result["replayed"]) == (status, True)
    assert len(field.all(Attention)) == 1


def test_an_intent_under_an_id_that_meant_something_else_elsewhere_is_refused(
    field: Field, phone: Callable[..., Phone]
) -> None:
    said = comment(field, "The pump leaks")
    field.phone.push()
    wish = {**said, "type": "visit.accept", "args": {"visit_id": str(field.visit.id)}}
    [result] = phone(field.account).push([wish])["results"]
    assert (result["status"], result["error"]["code"]) == ("refused", "key_reused")


@pytest.mark.parametrize("seq", [2, 50, LARGEST_NUMBER])
def test_h24_a_new_phone_begins_at_one_whatever_it_says_was_answered(
    field: Field, seq: int
) -> None:
    refused = jump(field, seq)
    assert (refused.status_code, refused.json["code"]) == (409, "gap")
    assert refused.json["details"]["expected_seq"] == 1
    assert field.all(Comment) == field.all(Attention) == []


def test_h24_no_phone_jumps_ahead_in_its_own_numbers(field: Field) -> None:
    comment(field, "One")
    field.phone.push()
    for seq in (3, LARGEST_NUMBER):
        refused = jump(field, seq)
        assert (refused.status_code, refused.json["code"]) == (409, "gap")
        assert refused.json["details"]["expected_seq"] == 2
    field.phone.seq = 1
    comment(field, "Two")
    assert statuses(field.phone.push()) == ["applied"]


def test_h6_after_a_restore_a_phone_may_be_ahead_once_and_by_no_more_than_it_can_have_said(
    app: Flask, field: Field
) -> None:
    told = app.test_cli_runner().invoke(args=["sync", "new-epoch", "--yes"])
    assert told.exit_code == 0, told.output
    refused = jump(field, LONGEST_BRIDGE + 2)
    assert (refused.status_code, refused.json["code"]) == (409, "gap")
    taken = jump(field, 41)
    assert (taken.status_code, taken.json["last_seq"]) == (200, 41)
    refused = jump(field, 50)
    assert (refused.status_code, refused.json["details"]["expected_seq"]) == (409, 42)
