"""How long phones carry visits and the server remembers is the installation's to say."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from core.receipts import Receipt
from core.settings import Spans
from core.unit import perform, reading
from people.models import Technician
from sync import mending, retention, spans
from tests.doors import Phone
from tests.makers import Maker
from work import actions as work
from work.models import Visit

BEGUN = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _begun(at: Callable[[datetime], None]) -> Iterator[None]:
    at(BEGUN)
    yield
    spans.configure(Spans())


def held(phone: Phone) -> set[str]:
    phone.pull()
    return {doc["id"] for doc in phone.docs("visit")}


def test_a_longer_look_ahead_brings_visits_once_the_feed_is_mended(
    make: Maker, ann: Technician, mobile: Phone
) -> None:
    near, far = (make.visit(by=ann, day=BEGUN.date() + days * DAY) for days in (3, 20))
    assert held(mobile) == {str(near.id)}
    spans.configure(Spans(ahead=21))
    mending.mend(make.system)
    assert held(mobile) == {str(near.id), str(far.id)}
    spans.configure(Spans(ahead=0))
    mending.mend(make.system)
    assert held(mobile) == set()


def hand_over(make: Maker, visit: Visit) -> None:
    other = make.technician("Ben")
    perform(make.system, lambda unit: work.edit_visit(unit, visit.id, technician_id=other.id))


@pytest.mark.parametrize(("days", "starts_over"), [(30, True), (120, False)])
def test_removals_are_remembered_for_as_long_as_was_said(
    days: int,
    starts_over: bool,
    make: Maker,
    ann: Technician,
    mobile: Phone,
    at: Callable[[datetime], None],
) -> None:
    spans.configure(Spans(removals=days))
    visit = make.visit(by=ann)
    mobile.pull()
    hand_over(make, visit)
    at(BEGUN + 50 * DAY)
    retention.forget_removals(make.system)
    page = mobile.pull_page()
    assert page is not None
    assert bool(page.get("reset")) == starts_over


@pytest.mark.parametrize(("days", "left"), [(7, 0), (120, 1)])
def test_receipts_are_remembered_for_as_long_as_was_said(
    days: int,
    left: int,
    make: Maker,
    ann: Technician,
    mobile: Phone,
    at: Callable[[datetime], None],
) -> None:
    spans.configure(Spans(receipts=days))
    order = make.order()
    mobile.say("comment.add", {"order_id": str(order.id), "text": "Seen"})
    mobile.push()
    mobile.push(confirmed_seq=1)
    at(BEGUN + 100 * DAY)
    retention.forget_receipts(make.system)
    with reading(make.system) as unit:
        assert unit.session.scalar(sa.select(sa.func.count()).select_from(Receipt)) == left
