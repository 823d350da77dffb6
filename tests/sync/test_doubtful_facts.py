"""Facts that are hard to believe: taken as they were said, and put before a person."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from core import clock
from tests.doors import Phone
from tests.makers import Maker
from tests.sync.field import Field, statuses
from work.models import Attention, Comment, Reading, TimeEntry, Visit


@pytest.fixture
def field(make: Maker, phone: Callable[..., Phone]) -> Field:
    return Field(make, phone)


def shown(field: Field) -> list[float]:
    return sorted(row.value for row in field.all(Reading))


def test_a_meter_that_shows_less_than_before_is_believed_and_a_person_looks(field: Field) -> None:
    field.read(8120)
    field.read(8121)
    assert statuses(field.phone.push()) == ["applied"] * 2
    field.read(12)
    field.read(13)
    assert statuses(field.phone.push()) == ["review", "applied"], "it counts on from there"
    assert shown(field) == [12, 13, 8120, 8121]
    [asked] = field.all(Attention)
    assert asked.office_value["value"]["value"] == 8121
    assert asked.phone_value["value"]["value"] == 12


def test_a_meter_falls_within_one_batch_and_is_noticed(field: Field) -> None:
    field.read(8120)
    field.read(12)
    assert statuses(field.phone.push()) == ["applied", "review"]


@pytest.mark.parametrize(
    "other",
    [
        {"meter": "second engine"},
        {"unit": "bar"},
        {"value": 8120},
        {"value": 8300.5},
    ],
)
def test_what_cannot_be_compared_or_does_not_fall_is_not_doubted(
    field: Field, other: dict[str, Any]
) -> None:
    field.read(8120)
    field.read(**{"value": 12} | other)
    field.read(7, unit="bar", meter="pressure")
    field.read(5, unit="bar", meter="pressure")
    assert statuses(field.phone.push()) == ["applied"] * 4
    assert field.all(Attention) == []


def test_a_reading_that_comes_late_is_compared_with_nothing_newer(field: Field) -> None:
    field.read(8120)
    field.phone.push()
    field.read(8000)
    field.phone.outbox[-1]["happened_at"] = (clock.now() - timedelta(days=3)).isoformat()
    assert statuses(field.phone.push()) == ["applied"]


def test_a_fact_of_1901_is_done_and_counts_as_of_now(field: Field) -> None:
    field.say("visit.travel")
    field.phone.say("comment.add", {"order_id": str(field.order.id), "text": "Hello"})
    for said in field.phone.outbox:
        said["happened_at"] = "1901-02-03T04:05:06Z"
    before = clock.now()
    assert statuses(field.phone.push()) == ["review"] * 2
    assert field.row(Visit, field.visit.id).travel_started_at >= before
    assert [row.at >= before for row in field.all(Comment)] == [True]
    said = [row.phone_value["value"]["happened_at"] for row in field.all(Attention)]
    assert said == ["1901-02-03T04:05:06Z"] * 2, "what was said is kept beside it"


def test_work_of_another_year_is_noted_and_a_person_looks(field: Field) -> None:
    old = clock.now() - timedelta(days=800)
    ahead = clock.now() + timedelta(days=2)
    for begun in (old, ahead):
        ended = begun + timedelta(hours=1)
        field.time(begun_at=begun.isoformat(), ended_at=ended.isoformat())
    field.time()
    assert statuses(field.phone.push()) == ["review", "review", "applied"]
    assert len(field.all(TimeEntry)) == 3
    assert len(field.all(Attention)) == 2


@pytest.mark.parametrize("years", [-100, 100])
def test_a_window_in_another_century_is_no_promise(
    make: Maker, phone: Callable[..., Phone], years: int
) -> None:
    account = make.account("technician", "dispatcher")
    make.technician(account=account)
    both = phone(account)
    order = make.order()
    begins = clock.now() + timedelta(days=365 * years)
    both.say(
        "order.edit",
        {
            "order_id": str(order.id),
            "window_from": begins.isoformat(),
            "window_to": (begins + timedelta(hours=2)).isoformat(),
        },
    )
    [result] = both.push()["results"]
    assert (result["status"], result["error"]["code"]) == ("refused", "invalid")
