"""Removals are remembered for ninety days; whoever was away for longer starts over and loses nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from core import feed
from core.ids import new_id
from core.unit import perform, reading
from people.models import Account, Technician
from sync import retention
from tests.doors import Phone
from tests.makers import Maker
from work import actions as work
from work.models import Comment, Visit

BEGUN = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
DAY = timedelta(days=1)

SetClock = Callable[[datetime], None]


@pytest.fixture(autouse=True)
def _begun(at: SetClock) -> None:
    at(BEGUN)


@pytest.fixture
def account(make: Maker) -> Account:
    return make.account("technician")


@pytest.fixture
def ann(make: Maker, account: Account) -> Technician:
    return make.technician("Ann", account=account)


def hand_over(make: Maker, visit: Visit, to: Technician) -> None:
    perform(make.system, lambda unit: work.edit_visit(unit, visit.id, technician_id=to.id))


def removals(make: Maker) -> int:
    with reading(make.system) as unit:
        query = sa.select(sa.func.count()).select_from(feed.FeedEntry)
        return unit.session.scalar(
            query.where(feed.FeedEntry.org_id == make.org.id, feed.FeedEntry.present.is_(False))
        )


def away_for(days: int, make: Maker, ann: Technician, mobile: Phone, at: SetClock) -> Visit:
    """Let a visit leave the phone's scope right after a pull, and the phone stay away that long."""
    visit = make.visit(by=ann)
    mobile.pull()
    hand_over(make, visit, make.technician("Ben"))
    at(BEGUN + days * DAY)
    retention.forget_removals(make.system)
    # The token has run out meanwhile; somebody signs in again.
    mobile.sign_in()
    return visit


def test_h16_a_phone_that_was_away_too_long_starts_over_keeps_its_outbox_and_no_ghosts(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone], at: SetClock
) -> None:
    mobile = phone(account)
    visit = away_for(91, make, ann, mobile, at)
    said = mobile.say("comment.add", {"order_id": str(visit.order_id), "text": "Evidence"})
    page = mobile.pull_page()
    assert page is not None
    assert page["reset"] is True
    assert page["changes"] == [], "no part of a delta"
    mobile.pull()
    assert mobile.docs("visit") == []
    assert [item["id"] for item in mobile.outbox] == [said["id"]]
    answer = mobile.push()
    assert answer["results"][0]["status"] in ("applied", "review")
    with reading(make.system) as unit:
        assert unit.get(Comment, UUID(said["id"])) is not None


def test_h16_a_phone_that_was_away_for_less_is_told_what_left(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone], at: SetClock
) -> None:
    mobile = phone(account)
    visit = away_for(89, make, ann, mobile, at)
    page = mobile.pull_page()
    assert page is not None
    assert not page.get("reset")
    assert ("remove", str(visit.id)) in {(c["op"], c.get("id")) for c in page["changes"]}
    assert mobile.docs("visit") == []


def test_h16_a_first_download_that_takes_days_is_not_sent_back_to_its_start(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone], at: SetClock
) -> None:
    for visit in [make.visit(by=ann) for _ in range(4)]:
        hand_over(make, visit, make.technician())
    for _ in range(4):
        make.visit(by=ann)
    at(BEGUN + 91 * DAY)
    assert retention.forget_removals(make.system) > 0
    mobile = phone(account)
    pages = 0
    while True:
        page: Any = mobile.pull_page(limit=2)
        assert not page.get("reset")
        pages += 1
        if page["complete"]:
            break
    assert pages > 5
    assert len(mobile.docs("visit")) == 4


def test_h16_a_download_that_a_forgotten_removal_concerns_starts_over(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone], at: SetClock
) -> None:
    visits = [make.visit(by=ann) for _ in range(4)]
    mobile = phone(account)
    while str(visits[0].id) not in {doc["id"] for doc in mobile.docs("visit")}:
        mobile.pull_page(limit=1)
    hand_over(make, visits[0], make.technician())
    at(BEGUN + 91 * DAY)
    retention.forget_removals(make.system)
    mobile.sign_in()
    page = mobile.pull_page(limit=1)
    assert page is not None
    assert page["reset"] is True


def test_a_removal_that_is_forgotten_leaves_no_row_and_a_young_one_stays(
    make: Maker, ann: Technician, at: SetClock
) -> None:
    ben = make.technician("Ben")
    hand_over(make, make.visit(by=ann), ben)
    old = removals(make)
    assert old > 0
    at(BEGUN + 60 * DAY)
    young = make.visit(by=ann)
    hand_over(make, young, ben)
    at(BEGUN + 91 * DAY)
    assert retention.forget_removals(make.system) > 0
    assert 0 < removals(make) < old + removals(make)
    assert retention.forget_removals(make.system) == 0


def test_what_comes_back_after_its_removal_was_forgotten_is_there_once(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone], at: SetClock
) -> None:
    mobile = phone(account)
    visit = away_for(91, make, ann, mobile, at)
    hand_over(make, visit, ann)
    mobile.pull()
    mobile.pull()
    assert [doc["id"] for doc in mobile.docs("visit")] == [str(visit.id)]


def test_h17_made_and_gone_between_two_pulls_is_nothing_or_a_harmless_removal(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone]
) -> None:
    mobile = phone(account)
    mobile.pull()
    ben = make.technician("Ben")
    visit = make.visit(by=ann)
    hand_over(make, visit, ben)
    page = mobile.pull_page()
    assert page is not None
    assert {change["op"] for change in page["changes"]} <= {"remove"}
    assert page["complete"]
    mobile.check(page["checkpoint"])
    fresh = phone(account, device_id=new_id())
    first = fresh.pull_page()
    assert first is not None
    assert str(visit.id) not in {change.get("id") for change in first["changes"]}
